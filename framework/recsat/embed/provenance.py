"""What a fine-tuned model was trained around. A run that holds out other events would test it on what it has learnt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from recsat.config.settings import DataSettings, RunConfig, SplitSettings
from recsat.errors import ConfigError

PROVENANCE_FILE: Final = "finetune.json"
CLASSIFIER: Final = "finetune/classifier"
"""Where a fine-tuning run has its classifier."""
CORE: Final = ("min_user_events", "min_item_events")
"""Data settings that change which events are split; what bad rows change is in the fingerprint."""


class Provenance(BaseModel):
    """The part of finetune.json that says which events the model has not seen: all that decides what a split holds out.

    Every split is drawn by itself, and what a model may learn is in the training part of all of ``splits``; so a run with
    some of them tests nothing that the model knows.
    """

    model_config = ConfigDict(frozen=True)

    domain: str
    data_fingerprint: str
    data: DataSettings
    splits: list[SplitSettings]
    seed: int

    @classmethod
    def of(cls, config: RunConfig, fingerprint: str) -> Self:
        """Of what is trained in a run; ``fingerprint`` is that of its data."""
        return cls(
            domain=config.domain,
            data_fingerprint=fingerprint,
            data=config.data,
            splits=config.splits,
            seed=config.seed,
        )

    def differences(self, config: RunConfig, fingerprint: str | None) -> Iterator[str]:
        """What makes the held-out events of a run other than these. ``fingerprint`` None: its data are not read yet."""
        for name in ("domain", "seed"):
            there, here = getattr(self, name), getattr(config, name)
            if there != here:
                yield f"{name} {there!r} there, {here!r} here"
        if fingerprint is not None and fingerprint != self.data_fingerprint:
            yield f"other data (fingerprint {self.data_fingerprint[:12]} there, {fingerprint[:12]} here)"
        for name in CORE:
            there, here = getattr(self.data, name), getattr(config.data, name)
            if there != here:
                yield f"data.{name} {there} there, {here} here"
        rules = [_rule(split) for split in self.splits]
        repeated = [split.name for split in config.splits if split.n_draws > 1]
        if repeated:
            yield f"splits {', '.join(repeated)} are drawn again here, and it was trained around the first draw alone (set repeats: 1)"
        unknown = [split for split in config.splits if _rule(split) not in rules]
        if unknown:
            yield f"splits {'; '.join(map(_in_words, self.splits))} there, and here also {'; '.join(map(_in_words, unknown))}"


def read_provenance(folder: Path) -> dict[str, Any]:
    """What finetune.json of a model's folder says; raises ConfigError where it is none."""
    path = folder / PROVENANCE_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}). Train the model anew with recsat finetune.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a JSON object. Train the model anew with recsat finetune.")
    return content


def model_folder(path: Path) -> Path:
    """The classifier's folder where ``path`` is a fine-tuning run's, else ``path`` itself."""
    inside = path / CLASSIFIER
    return inside if (inside / PROVENANCE_FILE).is_file() else path


def models_of(config: RunConfig) -> dict[str, Path]:
    """Folders of fine-tuned models that a run names, by setting: the encoder's, and a ``model`` of the reranker."""
    rank = config.rank
    named = {"encoder.model": config.encoder.model}
    if rank.reranker is not None:
        named["rank.reranker_parameters.model"] = rank.reranker_parameters.get("model")  # type: ignore[assignment]
    folders = {setting: model_folder(Path(name)) for setting, name in named.items() if isinstance(name, str)}
    return {setting: folder for setting, folder in folders.items() if (folder / PROVENANCE_FILE).is_file()}


def refuse_leak(setting: str, folder: Path, config: RunConfig, fingerprint: str | None = None) -> None:
    """Raises ConfigError where the model of ``folder`` may have learnt from events that a run of ``config`` tests."""
    try:
        provenance = Provenance.model_validate(read_provenance(folder))
    except ValidationError as error:
        lacking = ", ".join(sorted({str(fault["loc"][0]) for fault in error.errors()}))
        raise ConfigError(
            f"{setting}: {folder / PROVENANCE_FILE} does not tell what the model has learnt from (missing or wrong: {lacking}), so it may be "
            "what this run tests. Train the model anew with recsat finetune."
        ) from error
    differences = list(provenance.differences(config, fingerprint))
    if differences:
        raise ConfigError(
            f"{setting}: {folder} may have learnt what this run tests, for it was trained around other held-out events: "
            f"{'; '.join(differences)}. Run with the data, splits and seed of its {PROVENANCE_FILE}, or train it anew with this run's: "
            f"recsat finetune {config.domain}."
        )


def refuse_leaks(config: RunConfig, fingerprint: str) -> None:
    """:func:`refuse_leak` for every model that the run names."""
    for setting, folder in models_of(config).items():
        refuse_leak(setting, folder, config, fingerprint)


def _rule(split: SplitSettings) -> dict[str, Any]:
    """All but the name and the further draws: the first one holds out the same."""
    return split.model_dump(exclude={"name", "repeats"})


def _in_words(split: SplitSettings) -> str:
    size = f"n_last {split.n_last}" if split.protocol == "last-n" else f"test_share {split.test_share:g}"
    return f"{split.name} ({split.protocol}, {size}, validation_share {split.validation_share:g})"
