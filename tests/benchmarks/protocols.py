"""Which split in time can answer on the bundled films: users who can tell arms apart, what could be shown, and what a window lets arms learn of the future.

Run: ``python tests/benchmarks/protocols.py``; prints the table of docs/decisions/0020-films-in-time.md. Arms have the parameters of `recsat demo`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from folds import ndcg_of, prepared, with_interval

from recsat.config.settings import SplitSettings
from recsat.contract.interactions import TrainingData, user_batch
from recsat.data.split import Split, split_events
from recsat.measure.differences import detectable
from recsat.run.stage import StageContext
from recsat.stages.trial.fold import Fold, test_fold
from recsat.stages.trial.inputs import RunInputs, embedded_inputs

ARMS: Mapping[str, dict[str, Any]] = {"popularity": {}, "ease": {"l2": 100.0}, "hybrid": {}}
PROTOCOLS: Mapping[str, dict[str, Any]] = {
    "timeline": {"protocol": "timeline"},
    **{
        f"last-n, window {share:g}": {"protocol": "last-n", "window_share": share}
        for share in (0.1, 0.2, 0.3, 0.5, 1.0)
    },
}


def without_the_window(inputs: RunInputs, fold: Fold, split: Split) -> Fold:
    """``fold`` whose arms are fitted on what came before the first held-out event alone; histories stay whole."""
    before = fold.known.filter(pl.col("timestamp") < split.test["timestamp"].min(), inputs.domain.positive)
    users = before["user_id"].unique().sort().to_list()
    train = TrainingData(
        inputs.catalogue, user_batch(before, users, inputs.catalogue), inputs.vectors, seed=inputs.seed
    )
    return replace(fold, train=train)


def line(context: StageContext, inputs: RunInputs, name: str, settings: dict[str, Any]) -> str:
    split_settings = SplitSettings.model_validate({"name": "in-time", **settings})
    split = split_events(context.dataset.events, context.domain.positive, split_settings, context.config.seed)
    fold = test_fold(inputs, split)
    specs = context.plugins.recommenders(context.domain)
    cells = []
    for one in (fold, without_the_window(inputs, fold, split)):
        judged = one.users.id_series.filter(pl.Series(one.judged_with_history))
        values = {
            arm: ndcg_of(specs[arm].make(**parameters).fit(one.train), one)
            .filter(pl.col("user_id").is_in(judged.implode()))["value"]
            .to_numpy()
            for arm, parameters in ARMS.items()
        }
        gain = values["hybrid"] - values["ease"]
        means = " / ".join(f"{of_arm.mean():.3f}" for of_arm in values.values())
        cells.append(f"{means} | {with_interval(gain)} | {float(detectable(gain[:, None], confidence=0.95)[0]):.4f}")
    n_users = int(np.sum(fold.judged_with_history))
    return f"| {name} | {n_users} of {len(fold.users)} | {' | '.join(cells)} |"


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        context = prepared("content", Path(place), [{"name": "warm", "protocol": "random"}])
        inputs = embedded_inputs(context)
        print(
            "| split | users with a history | popularity / ease / hybrid | hybrid − ease | could be shown | the same, fitted on what came before the window "
            "| hybrid − ease | could be shown |\n|---|---|---|---|---:|---|---|---:|"
        )
        for name, settings in PROTOCOLS.items():
            print(line(context, inputs, name, settings), flush=True)


if __name__ == "__main__":
    main()
