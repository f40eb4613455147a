"""Splits made ready for arms, for the measurements of this folder: the run's own stages prepare and embed, in a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from recsat import RunConfig
from recsat.contract.arm import Recommender
from recsat.lists.make import lists_of
from recsat.lists.request import Request
from recsat.measure.accuracy import ndcg
from recsat.measure.intervals import bootstrap_intervals
from recsat.plugins import load_plugins
from recsat.run.execute import run_stage
from recsat.run.folder import new_run
from recsat.run.stage import StageContext
from recsat.stages import EMBED, PREPARE
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import Fold, test_fold, validation_fold
from recsat.stages.trial.inputs import embedded_inputs

Values = NDArray[np.float64]


def prepared(domain: str, place: Path, splits: list[dict[str, Any]], **settings: Any) -> StageContext:
    """A run of ``domain`` with its tables, splits and vectors written; vectors are kept under ``place`` for the next time."""
    config = RunConfig.model_validate(
        {
            "domain": domain,
            "splits": splits,
            "home": str(place),
            **settings,
        }
    )
    plugins = load_plugins([domain])
    folder = new_run(config)
    for stage in (PREPARE, EMBED):
        run_stage(folder, stage, plugins)
    return StageContext.open(folder, plugins)


def folds(context: StageContext) -> Mapping[str, tuple[Fold, Fold]]:
    """(validation, test) of every split of the run."""
    inputs = embedded_inputs(context)
    splits = [read_split(context.folder, settings.name) for settings in context.config.splits]
    return {split.name: (validation_fold(inputs, split), test_fold(inputs, split)) for split in splits}


def ndcg_of(
    arm: Recommender, fold: Fold, seed: int = 42, fallbacks: Sequence[Recommender] | None = None
) -> pl.DataFrame:
    """nDCG@10 of a fitted arm's lists for every judged user of ``fold``, (user_id, value), in order of user.

    Users without history are served by ``fallbacks``, or by those of the fold.
    """
    request = Request(k=10, seed=seed, explain=False, device=torch.device("cpu"))
    lists = lists_of(fold, "arm", arm, request, fallbacks=fallbacks).lists
    judged = fold.relevant["user_id"].unique().sort()
    return ndcg(lists, fold.relevant, judged, k=10).sort("user_id")


def interval(values: Values, seed: int = 0) -> tuple[float, float, float]:
    """Mean over users and the ends of its 95 % interval."""
    intervals = bootstrap_intervals(values[:, None], confidence=0.95, n_bootstrap=1000, seed=seed)
    return float(intervals.mean[0]), float(intervals.low[0]), float(intervals.high[0])


def with_interval(values: Values) -> str:
    """``0.123 (0.110 to 0.136)``; differences get a sign."""
    mean, low, high = interval(values)
    return f"{mean:.4f} ({low:.4f} to {high:.4f})"
