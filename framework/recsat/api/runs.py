"""A run and a fit, from data that are in Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue, ValidationError

from recsat.api.run_result import RunResult
from recsat.config.differences import differences
from recsat.config.faults import faults, sentence
from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset
from recsat.contract.domain import OwnTables
from recsat.errors import ConfigError, DataError
from recsat.plugins import load_plugins
from recsat.run.check import check_config
from recsat.run.execute import execute
from recsat.run.progress import Progress
from recsat.run.stage import Stage, StageContext, StageCounts
from recsat.stages import EMBED, EVALUATE, INDEX, PIPELINE, PREPARE, RECOMMEND

if TYPE_CHECKING:
    from recsat.stages.model.loaded import Model

Splits = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
"""A protocol, such as ``"timeline"``; a section of settings, ``{"name": "warm", "protocol": "random"}``; or several of them."""
_BARE: Final[Mapping[str, Any]] = {"controls": [], "curves": False}
"""What is measured of an arm that is fitted and not compared."""


def run(
    data: Dataset,
    arms: Sequence[str] | None = None,
    splits: Splits | None = None,
    *,
    home: str | Path | None = None,
    settings: Mapping[str, Any] | RunConfig | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Runs the whole job on ``data``, as ``recsat run`` does on files, and returns its result.

    ``arms`` and ``splits`` are those to compare and the ways to hold out events (None: the defaults of :class:`~recsat.RunConfig`); a split that is
    named by its protocol has the protocol's name. ``settings`` are further ones, as in a settings file: ``{"rank": {"k": 20}}``. Variables
    ``RECSAT_*`` are not read, but for ``RECSAT_HOME``. The run's folder, with ``data`` in it, lies in ``runs`` below ``home`` (None: ``RECSAT_HOME``, else
    the working directory, unless that is a temporary folder); ``recsat run --resume`` goes on with it where it was cut short.

    Raises :class:`~recsat.ConfigError` for a setting that is wrong, :class:`~recsat.DataError` for data that cannot be used; either leaves no folder.
    """
    config = run_config(data, arms, splits, home, settings)
    plugins = load_plugins()
    check_config(config, plugins, data=data)
    return RunResult.load(execute(config, plugins, progress, stages=PIPELINE, data=data))


def fit(
    data: Dataset,
    arm: str,
    splits: Splits | None = None,
    *,
    parameters: Mapping[str, JsonValue] | None = None,
    home: str | Path | None = None,
    settings: Mapping[str, Any] | RunConfig | None = None,
    progress: Progress | None = None,
) -> Model:
    """Fits ``arm`` on all of ``data`` and returns the model, which makes lists and can be saved.

    Its ``parameters`` are tuned on the validation part of the first of ``splits`` where they are not given, and the accuracy on the held-out part
    is in the model's card. It is a run like any other, without comparison and report; places and errors are those of :func:`run`. Raises
    :class:`~recsat.SavedModelError` for an arm that cannot be saved.
    """
    from recsat.stages.model.loaded import Model

    config = run_config(data, [arm], splits, home, settings)
    fixed = {**config.parameters, **({} if parameters is None else {arm: dict(parameters)})}
    measure = config.measure.model_copy(update=_BARE)
    config = config.model_copy(update={"parameters": fixed, "measure": measure})
    plugins = load_plugins()
    check_config(config, plugins, data=data)
    stages = (PREPARE, EMBED, INDEX, RECOMMEND, EVALUATE, _model_of(arm))
    return Model.load(execute(config, plugins, progress, stages=stages, data=data), plugins)


def run_config(
    data: Dataset,
    arms: Sequence[str] | None = None,
    splits: Splits | None = None,
    home: str | Path | None = None,
    settings: Mapping[str, Any] | RunConfig | None = None,
) -> RunConfig:
    """The settings of a run of ``data``; what is passed by name wins over ``settings``."""
    if not isinstance(data, Dataset):
        raise DataError(f"data is a {type(data).__name__}. Make it with recsat.load or recsat.Dataset.from_frames.")
    if not data.domain:
        raise DataError("data name no domain. Make them with recsat.load or recsat.Dataset.from_frames.")
    tree = _plain(settings)
    other = differences({"domain": data.domain}, {"domain": tree.get("domain", data.domain)})
    if other and isinstance(settings, Mapping):
        raise ConfigError(f"settings are of another domain than the data: {other[0]}. Leave domain out.")
    _refuse_read(data, tree.get("domain_config", {}))
    tree |= {"domain": data.domain, "domain_config": {**tree.get("domain_config", {}), **data.domain_config}}
    if arms is not None:
        tree["arms"] = [arms] if isinstance(arms, str) else list(arms)
    if splits is not None:
        tree["splits"] = [_split(one) for one in ([splits] if isinstance(splits, str | Mapping) else splits)]
    if home is not None:
        tree["home"] = str(home)
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(
            " ".join(sentence(fault, path, RunConfig) for path, fault in faults(error, RunConfig))
        ) from error


def _refuse_read(data: Dataset, settings: Any) -> None:
    """Raises ConfigError for settings by which a domain's files are read, where ``data`` were read by others: they would change nothing any more."""
    config = load_plugins().domain(data.domain).config
    if not issubclass(config, OwnTables) or not isinstance(settings, Mapping):
        return
    of_files = [name for name in ("folder", "layout", *config.of_layouts) if name in settings]
    late = [
        name
        for name in of_files
        if _same(settings[name]) != _same(data.domain_config.get(name, config.model_fields[name].get_default()))
    ]
    if late:
        raise ConfigError(
            f"domain_config.{late[0]}: the data are read already, and by another {late[0]}. Give it to recsat.load or recsat.Dataset.from_frames."
        )


def _same(value: Any) -> Any:
    """A path whether or not it is relative, and a sequence whether or not it is a tuple."""
    if isinstance(value, tuple):
        return list(value)
    return os.path.abspath(Path(value).expanduser()) if isinstance(value, str | Path) else value


def _plain(settings: Mapping[str, Any] | RunConfig | None) -> dict[str, Any]:
    if isinstance(settings, RunConfig):
        return settings.model_dump(mode="json", exclude_unset=True)
    if settings is not None and not isinstance(settings, Mapping):
        raise ConfigError(
            f"settings is a {type(settings).__name__}. Give a mapping such as {{'rank': {{'k': 20}}}}, or a RunConfig."
        )
    return dict(settings or {})


def _split(split: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"name": split, "protocol": split} if isinstance(split, str) else dict(split)


def _model_of(arm: str) -> Stage:
    def work(context: StageContext) -> StageCounts:
        from recsat.stages.model.keep import model

        return model(context, arm)

    return Stage("model", work)
