"""Writes docs/results.md: every arm over several seeds, with paired intervals.

    python tests/benchmarks/results.py                      all studies, three seeds (about an hour on two cores)
    python tests/benchmarks/results.py --studies movielens --seeds 42

Each seed is a whole run: the arms are tuned on its validation part and judged on its test part. A user's value is the mean
over the seeds; intervals are bootstrapped over users, differences are paired by user. Runs that exist are not run again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsat import RunConfig
from recsat.measure.intervals import bootstrap_intervals
from recsat.measure.significance import holm, sign_flip_test
from recsat.plugins import load_plugins
from recsat.report.result import Result
from recsat.run import execute

ROOT = Path(__file__).parents[2]
RANDOM = [
    {"name": "warm", "protocol": "random", "test_share": 0.2},
    {"name": "cold", "protocol": "cold-items", "test_share": 0.2},
    {"name": "both", "protocol": "mixed", "test_share": 0.2},
]
ARMS = [
    "popularity", "text-raw", "text", "item-knn", "ials", "ease", "aligned", "ease-text", "ials-text", "hybrid",
]  # fmt: skip
MEASURES = ("ndcg@10", "recall@10", "ild@10", "coverage@10")


@dataclass(frozen=True)
class Study:
    """One data set under one set of splits."""

    name: str
    title: str
    config: dict[str, Any]
    needs_folder: str | None = None
    """Folder under RECSAT_DATA without which the study is left out."""
    seeds: bool = True
    """False where nothing of the split is drawn, so that one seed says all."""


STUDIES = [
    Study(
        name="movielens",
        title="Content: MovieLens latest-small, rating ≥ 4, 5-core",
        config={"domain": "content", "splits": RANDOM, "arms": ARMS},
    ),
    Study(
        name="retail",
        title="E-commerce: UCI Online Retail, one cut in time",
        config={
            "domain": "ecommerce",
            "splits": [{"name": "timeline", "protocol": "timeline"}],
            "arms": ARMS,
            "rank": {"filters": ["ecommerce.not_bought"]},
        },
        seeds=False,
    ),
    Study(
        name="steam",
        title="Games: Steam-200k with the Steam catalogue",
        config={
            "domain": "game",
            "domain_config": {"layout": "steam"},
            "splits": RANDOM,
            "arms": ARMS,
        },
        needs_folder="steam-200k",
    ),
]


def run_study(study: Study, seeds: Sequence[int], work: Path) -> list[Path]:
    """One finished run folder per seed; a run that finished earlier is taken as it is."""
    folders = []
    for seed in seeds if study.seeds else seeds[:1]:
        mark = work / f"{study.name}-{seed}.txt"
        if mark.exists():
            folders.append(Path(mark.read_text()))
            continue
        config = RunConfig.model_validate(
            {
                **study.config,
                "seed": seed,
                "runs_dir": str(work / study.name),
                "cache_dir": str(work / "cache"),
                "store": {"directory": str(work / "store")},
            }
        )
        folder = execute(config, load_plugins())
        mark.write_text(str(folder))
        folders.append(folder)
    return folders


def mean_over_seeds(folders: Sequence[Path]) -> pl.DataFrame:
    """(split, arm, measure, user_id, value): a user's mean over the runs that judged them."""
    tables = [pl.read_parquet(folder / "measures.parquet").filter(pl.col("slice") == "all") for folder in folders]
    keys = ["split", "arm", "measure", "user_id"]
    return pl.concat(tables).group_by(keys).agg(pl.col("value").mean()).sort(keys)


def whole_catalogue(results: Sequence[Result], split: str, arm: str, measure: str) -> float | None:
    """The mean over runs of a measure that users do not have one by one, such as coverage."""
    found = [
        a.measures[measure].mean
        for result in results
        for a in result.arms
        if (a.name, a.split, a.slice) == (arm, split, "all") and measure in a.measures
    ]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def differences(per_user: pl.DataFrame, split: str, arm: str, measure: str = "ndcg@10") -> pl.DataFrame:
    """``arm`` minus every other arm: (other, mean, low, high, p), Holm-corrected over the arms."""
    wide = (
        per_user.filter((pl.col("split") == split) & (pl.col("measure") == measure))
        .pivot("arm", index="user_id", values="value")
        .sort("user_id")
    )
    others = [name for name in wide.columns if name not in ("user_id", arm)]
    if arm not in wide.columns or not others:
        return pl.DataFrame(
            schema={"other": pl.String, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "p": pl.Float64}
        )
    apart = np.column_stack([(wide[arm] - wide[other]).to_numpy() for other in others])
    found = bootstrap_intervals(apart, confidence=0.95, n_bootstrap=2000, seed=0)
    p = holm(sign_flip_test(apart))
    return pl.DataFrame({"other": others, "mean": found.mean, "low": found.low, "high": found.high, "p": p})


def section(study: Study, folders: Sequence[Path]) -> str:
    """The study's part of the page."""
    results = [Result.model_validate_json((folder / "result.json").read_text()) for folder in folders]
    per_user = mean_over_seeds(folders)
    first = results[0]
    seeds = ", ".join(str(result.seed) for result in results)
    lines = [
        f"## {study.title}",
        "",
        f"{first.data.n_users:,} users, {first.data.n_items:,} items, {first.data.n_events:,} events. Seeds {seeds}; "
        f"data fingerprint `{first.data_fingerprint[:16]}`.",
        "",
    ]
    for split in first.splits:
        lines += [f"### {split.name}", "", split.description, ""]
        lines += [
            "| arm | nDCG@10 | recall@10 | intra-list diversity@10 | catalogue coverage@10 |",
            "|---|---|---|---|---|",
        ]
        arms = [arm.name for arm in first.arms if arm.split == split.name and arm.slice == "all"]
        rows = []
        for arm in arms:
            cells, lead = [], 0.0
            for measure in MEASURES:
                values = per_user.filter(
                    (pl.col("split") == split.name) & (pl.col("arm") == arm) & (pl.col("measure") == measure)
                )["value"].drop_nulls()
                if values.is_empty():
                    whole = whole_catalogue(results, split.name, arm, measure)
                    cells.append("–" if whole is None else f"{whole:.3f}")
                    continue
                found = bootstrap_intervals(values.to_numpy()[:, None], confidence=0.95, n_bootstrap=2000, seed=0)
                cells.append(f"{found.mean[0]:.4f} ({found.low[0]:.4f}–{found.high[0]:.4f})")
                lead = float(found.mean[0]) if measure == "ndcg@10" else lead
            rows.append((lead, f"| {arm} | " + " | ".join(cells) + " |"))
        lines += [row for _, row in sorted(rows, key=lambda row: -row[0])]
        apart = differences(per_user, split.name, "hybrid")
        if apart.height:
            lines += ["", "hybrid minus the other arms, nDCG@10, paired over users:", ""]
            lines += ["| against | difference | 95 % interval | p (Holm) |", "|---|---|---|---|"]
            base = {row[0]: row[1] for row in _means(per_user, split.name)}
            for row in apart.sort("mean").iter_rows(named=True):
                share = f" ({row['mean'] / base[row['other']]:+.1%})" if base.get(row["other"]) else ""
                p = "< 0.001" if row["p"] < 0.001 else f"{row['p']:.3f}"
                lines.append(
                    f"| {row['other']} | {row['mean']:+.4f}{share} | {row['low']:+.4f} to {row['high']:+.4f} | {p} |"
                )
        lines.append("")
    return "\n".join(lines)


def _means(per_user: pl.DataFrame, split: str) -> list[tuple[str, float]]:
    rows = per_user.filter((pl.col("split") == split) & (pl.col("measure") == "ndcg@10"))
    return [(str(arm), float(value)) for arm, value in rows.group_by("arm").agg(pl.col("value").mean()).rows()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--studies", nargs="+", choices=[study.name for study in STUDIES])
    parser.add_argument("--work", type=Path, default=ROOT / ".recsat" / "results")
    parser.add_argument("--target", type=Path, default=ROOT / "docs" / "results.md")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("recsat.run").setLevel(logging.INFO)
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ.get("RECSAT_DATA", ROOT.parent / "shared" / "data"))
    os.environ["RECSAT_DATA"] = str(data)
    sections, left_out = [], []
    versions: dict[str, str] = {}
    for study in STUDIES:
        if arguments.studies and study.name not in arguments.studies:
            continue
        if study.needs_folder and not (data / study.needs_folder).is_dir():
            left_out.append(f"{study.title}: left out, RECSAT_DATA has no folder {study.needs_folder}.")
            continue
        folders = run_study(study, arguments.seeds, arguments.work)
        versions = json.loads((folders[0] / "result.json").read_text())["versions"]
        sections.append(section(study, folders))
    made = datetime.now(UTC).date().isoformat()
    head = [
        "# Results",
        "",
        "Made by `python tests/benchmarks/results.py`. Hyperparameters come from each run's validation part; a user's value is "
        "the mean over the seeds; intervals (95 %) are bootstrapped over users; p-values are sign-flip tests, corrected after Holm "
        "over the arms of a split.",
        "",
        f"{made}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores; "
        + ", ".join(f"{name} {version}" for name, version in versions.items() if name not in ("machine",))
        + ".",
        "",
    ]
    arguments.target.write_text("\n".join([*head, *sections, *left_out]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
