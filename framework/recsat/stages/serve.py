"""Lists for some users from a finished run: the arm is fitted on everything that the run knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from recsat.arms.profile_text import fallbacks_for
from recsat.config.settings import Settings
from recsat.contract.interactions import TrainingData, user_batch
from recsat.errors import ConfigError
from recsat.lists.filters import plan_filters
from recsat.lists.make import recommend
from recsat.lists.requests import request_filters
from recsat.plugins import Plugins
from recsat.result.model import Result
from recsat.run.folder import RunFolder, open_run
from recsat.run.stage import StageContext
from recsat.stages.index import opened_retriever, retriever_of
from recsat.stages.prepare import read_split
from recsat.stages.recommend import request_of
from recsat.stages.trial.fold import filter_context, validation_fold
from recsat.stages.trial.rerank import with_reranker
from recsat.stages.trial.users import Texts, with_markets, with_profiles


class ServeConfig(Settings):
    """What to recommend, to whom, from which run."""

    run: str = Field("runs/latest", min_length=1, description="Folder of a finished run.")
    users: list[str] = Field(
        min_length=1, description="User ids. A user without events gets the fallback's list, and the reason says so."
    )
    arm: str | None = Field(
        None, description="The arm that recommends. Empty: the one that led on the run's first split."
    )
    k: int | None = Field(None, ge=1, le=1000, description="Length of a list. Empty: as in the run.")
    include: list[str] = Field(default_factory=list, description="Item ids that alone may be shown. Empty: all.")
    exclude: list[str] = Field(default_factory=list, description="Item ids that must not be shown.")
    kinds: list[str] = Field(default_factory=list, description="Kinds of item that are asked for. Empty: all.")


def serve(config: ServeConfig, plugins: Plugins) -> pl.DataFrame:
    """Lists (user_id, item_id, title, rank, score, arm, reason, fallback) for ``config.users``, best first.

    Raises :class:`~recsat.RunError` for a folder that is no finished run, :class:`~recsat.ConfigError` for an unknown arm and
    :class:`~recsat.errors.UnknownItem` for unknown item ids or kinds.
    """
    folder = open_run(Path(config.run))
    context = StageContext.open(folder, plugins)
    name, parameters = _arm(folder, config.arm)
    known = context.dataset.events
    catalogue, domain = context.catalogue, context.domain
    liked = known.filter(domain.positive)
    train = TrainingData(
        catalogue,
        with_markets(context, user_batch(liked, liked["user_id"].unique().sort().to_list(), catalogue)),
        folder.read_arrays("vectors/items.safetensors"),
        seed=context.config.seed,
    )
    users = with_markets(context, user_batch(liked, list(dict.fromkeys(config.users)), catalogue))
    users = with_profiles(context, users)
    rules = context.plugins.filters_of_run(domain, context.config.rank.filters)
    rules |= request_filters(catalogue, include=config.include, exclude=config.exclude, kinds=config.kinds)
    plan = plan_filters(rules, catalogue, users.ids, filter_context(context, known))
    request = request_of(context)
    spec = plugins.select("arm", plugins.recommenders(domain), [name])[name]
    first = context.config.splits[0].name
    request = with_reranker(
        context,
        request,
        spec,
        parameters,
        train,
        Texts(context, known, users),
        lambda: validation_fold(context, read_split(folder, first), train.vectors),
    ).request
    fitted = spec.make(**parameters).fit(train)
    with opened_retriever(context) as retriever:
        made = recommend(
            name,
            fitted,
            users,
            catalogue,
            plan,
            fallbacks=fallbacks_for(train),
            retriever=retriever_of(context, retriever, fitted, f"-serve-{name}"),
            request=replace(request, k=config.k or request.k, n_candidates=max(request.n_candidates, config.k or 0)),
        )
    titles = catalogue.items.select("item_id", pl.col(domain.title).cast(pl.String).alias("title"))
    lists = made.lists.join(titles, on="item_id", how="left", maintain_order="left")
    return lists.select("user_id", "item_id", "title", "rank", "score", "arm", "reason", "fallback")


def _arm(folder: RunFolder, wanted: str | None) -> tuple[str, dict[str, Any]]:
    """The arm's name and the parameters that it was tuned to on the run's first split."""
    result = Result.model_validate(folder.read_json("result.json"))
    first = result.splits[0].name
    measured = {arm.name: arm for arm in result.arms if arm.split == first and arm.slice == "all"}
    if wanted is not None and wanted not in measured:
        raise ConfigError(
            f"run {folder.run_id} has no arm {wanted!r} on split {first!r}. It has: {', '.join(measured)}."
        )
    lead = next(info.name for info in result.measures if info.name.startswith("ndcg@"))
    chosen = measured[wanted] if wanted else max(measured.values(), key=lambda arm: _mean(arm.measures[lead].mean))
    return chosen.name, dict(chosen.parameters)


def _mean(value: float | None) -> float:
    return float("-inf") if value is None else value
