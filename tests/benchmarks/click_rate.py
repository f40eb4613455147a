"""Bias of the click rate of lists over simulated worlds whose log shows another policy; for its interval see ``interval_coverage.py``.

Run: ``python tests/benchmarks/click_rate.py --worlds 200 --out docs/click-rate.md``. In every world the most popular items are logged, and the clicks
after a cut are all that is liked, so that only who clicked is served a list. Beside it the replay that it stands in place of: the mean over served users
of the clicks among exposures of their own list. Fails where the click rate is off by 2 % or more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))
from logged_lists import SETTINGS, TOPICS, judged_of, personal_lists, true_rate

from recsat import Judged
from recsat.metrics import click_through_rate
from recsat.testing.simulate import make_world

ARMS = {"sees satisfaction": 0.0, "sees it through noise": 0.2, "sees noise": 100.0}
BAR = 0.02


def replay(judged: Judged) -> float:
    """The share of clicks among exposures of listed items, averaged over the served users who have any."""
    assert judged.exposures is not None
    after = judged.exposures.filter(pl.col("timestamp") > judged.history["timestamp"].max())
    of_lists = after.join(judged.lists, on=["user_id", "item_id"], how="semi")
    return float(of_lists.group_by("user_id").agg(pl.col("click").mean())["click"].to_numpy().mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    metric = click_through_rate(description="M.")
    rows: dict[str, list[tuple[float, float, float]]] = {arm: [] for arm in ARMS}
    for seed in range(options.worlds):
        world = make_world(TOPICS, SETTINGS.model_copy(update={"seed": seed}))
        for arm, noise in ARMS.items():
            listed = personal_lists(world, seed, noise)
            judged, truth = judged_of(world, listed), true_rate(world, listed)
            values = metric.compute(judged)["value"].to_numpy()
            rows[arm].append((truth, values.mean(), replay(judged)))
    lines, biases = [], []
    for arm, worlds in rows.items():
        truth, estimate, replayed = (np.array(column) for column in zip(*worlds, strict=True))
        error = (estimate / truth - 1).std(ddof=1) / np.sqrt(len(truth))
        biases.append(estimate.mean() / truth.mean() - 1)
        lines.append(
            f"| {arm} | {truth.mean():.3f} | {biases[-1]:+.1%} (± {error:.1%}) | {replayed.mean() / truth.mean() - 1:+.1%} |"
        )
        print(lines[-1], flush=True)
    text = PAGE.format(worlds=options.worlds, rows="\n".join(lines), worst=max(map(abs, biases)))
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return bool(max(map(abs, biases)) >= BAR)


PAGE = """# How far the click rate is from the truth

Made by `python tests/benchmarks/click_rate.py --worlds {worlds} --out docs/click-rate.md`: {worlds:,} simulated worlds of 2,000 users and 60 items, in which the log
shows popular items, and who clicked nothing after the cut is served no list. The truth is the expected rate if every place had shown one of the user's
ten items. In brackets one standard error.

| the arm | true rate | bias | bias of the replay over served users |
|---|---:|---:|---:|
{rows}

Bar: a bias under 2 %. The largest: {worst:.1%}. How often its interval holds the truth is [on the page of coverage](coverage.md).
"""

if __name__ == "__main__":
    sys.exit(main())
