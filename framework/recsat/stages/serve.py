"""Lists for some users from a finished run: the arm is fitted on everything that the run knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
from pydantic import Field

from recsat.config.settings import Settings
from recsat.errors import ConfigError
from recsat.lists.make import lists_of
from recsat.lists.requests import request_filters
from recsat.plugins import Plugins
from recsat.result.model import ArmResult, Result
from recsat.run.folder import RunFolder, open_run
from recsat.run.stage import StageContext
from recsat.stages.index import opened_retriever, retriever_of
from recsat.stages.prepare import read_split
from recsat.stages.recommend import request_of, reranker_of
from recsat.stages.trial.fold import filter_context, serve_known, validation_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.rerank import with_reranker


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
    arm = _arm(folder, config.arm)
    inputs = embedded_inputs(context)
    catalogue, domain = context.catalogue, context.domain
    known = context.dataset.events
    served = serve_known(
        inputs,
        list(dict.fromkeys(config.users)),
        known,
        filter_context(inputs, known),
        filters={
            **inputs.filters,
            **request_filters(catalogue, include=config.include, exclude=config.exclude, kinds=config.kinds),
        },
    )
    spec = plugins.select("arm", plugins.recommenders(domain), [arm.name])[arm.name]
    prepared = with_reranker(
        inputs,
        request_of(context),
        reranker_of(context),
        arm.name,
        spec,
        arm.parameters,
        served,
        arm.split,
        lambda: validation_fold(inputs, read_split(folder, arm.split)),
    )
    k = config.k or prepared.request.k
    request = replace(prepared.request, k=k, n_candidates=max(prepared.request.n_candidates, k))
    fitted = spec.make(**arm.parameters).fit(served.train)
    with opened_retriever(context) as retriever:
        of_arm = None if spec.control else retriever_of(context, retriever, fitted)
        recommended = lists_of(served, arm.name, fitted, request, retriever=of_arm)
    titles = catalogue.items.select("item_id", pl.col(domain.title).cast(pl.String).alias("title"))
    lists = recommended.lists.join(titles, on="item_id", how="left", maintain_order="left")
    return lists.select("user_id", "item_id", "title", "rank", "score", "arm", "reason", "fallback")


def _arm(folder: RunFolder, name: str | None) -> ArmResult:
    """The named arm as it was tuned on the run's first split, or the one that leads there."""
    result = Result.model_validate(folder.read_json("result.json"))
    first = result.splits[0]
    arms = {arm.name: arm for arm in result.arms if arm.split == first.name and arm.slice == "all"}
    if name is None:
        if first.leader is None:
            raise ConfigError(
                f"run {folder.run_id} does not say which arm leads on split {first.name!r}. Name one of {', '.join(arms)}, "
                "or run it again."
            )
        return arms[first.leader]
    if name not in arms:
        raise ConfigError(
            f"run {folder.run_id} has no arm {name!r} on split {first.name!r}. It has: {', '.join(arms)}."
        )
    return arms[name]
