"""Writes docs/results.md: every arm over several seeds, with paired intervals.

    python tests/benchmarks/results.py                      all studies, three seeds (about an hour and a half of one core)
    python tests/benchmarks/results.py --studies movielens --seeds 42

Each seed is a whole run: the arms are tuned on its validation part and judged on its test part. A user's value is the mean
over the seeds; intervals are bootstrapped over users, differences are paired by user. Runs that exist are not run again.
"""

from __future__ import annotations

import argparse
import hashlib
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
DIVERSIFIED_ARMS = ["ease", "hybrid"]
BY = ("msd", "dpp", "mmr")
LOSS = 0.009
"""Share of the expected nDCG that diversity may cost: a tenth of one per cent is left for what expectation does not know."""
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
    diversified: str | None = None
    """Split on which EASE and the hybrid are reranked for diversity as well, with the parameters of the plain runs."""


STUDIES = [
    Study(
        name="movielens",
        title="Content: MovieLens latest-small, rating ≥ 4, 5-core",
        config={"domain": "content", "splits": RANDOM, "arms": ARMS},
        diversified="warm",
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
    return [
        finished(study.name, {**study.config, "seed": seed}, work) for seed in (seeds if study.seeds else seeds[:1])
    ]


def run_diversified(study: Study, plain: Sequence[Path], work: Path) -> dict[str, list[Path]]:
    """The runs of ``plain`` once more with a budget of diversity, by the reranker that spends it; one split, and no tuning."""
    found: dict[str, list[Path]] = {by: [] for by in BY}
    for folder in plain:
        result = Result.model_validate_json((folder / "result.json").read_text())
        parameters = {arm.name: arm.parameters for arm in result.arms if arm.split == study.diversified}
        for by in BY:
            config = {
                **study.config,
                "seed": result.seed,
                "splits": [split for split in study.config["splits"] if split["name"] == study.diversified],
                "arms": DIVERSIFIED_ARMS,
                "parameters": {name: parameters[name] for name in DIVERSIFIED_ARMS},
                "rank": {"reranker": "budget", "reranker_parameters": {"loss": LOSS, "by": by}},
            }
            found[by].append(finished(f"{study.name}-{by}", config, work))
    return found


def finished(name: str, settings: dict[str, Any], work: Path) -> Path:
    """The folder of the run with these settings, which is run where no earlier call has."""
    told = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    mark = work / f"{name}-{settings['seed']}-{told}.txt"
    if mark.exists():
        return Path(mark.read_text())
    config = RunConfig.model_validate(
        {
            "measure": {"curves": False},
            **settings,
            "runs_dir": str(work / name),
            "cache_dir": str(work / "cache"),
            "store": {"directory": str(work / "store")},
        }
    )
    folder = execute(config, load_plugins())
    mark.write_text(str(folder))
    return folder


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
        if told := retrieval_line(results, split.name):
            lines += ["", told]
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


def diversified_section(study: Study, plain: Sequence[Path], reranked: dict[str, list[Path]]) -> str:
    """What a budget of diversity costs and buys on test, against the same runs without one."""
    before = mean_over_seeds(plain).filter(pl.col("split") == study.diversified)
    lines = [
        f"### {study.diversified}, with a budget of diversity",
        "",
        f"The runs above once more with `rank.reranker=budget`: as much diversity as {LOSS:.1%} of the nDCG buys that the validation "
        "part lets expect. Relative changes of means over users, who are drawn with all their seeds; nothing was chosen on test.",
        "",
        "| arm | by | nDCG@10 | intra-list diversity@10 | catalogue coverage@10 |",
        "|---|---|---|---|---|",
    ]
    of = {
        by: [Result.model_validate_json((f / "result.json").read_text()) for f in folders]
        for by, folders in reranked.items()
    }
    unchanged = [Result.model_validate_json((folder / "result.json").read_text()) for folder in plain]
    for arm in DIVERSIFIED_ARMS:
        for by, folders in reranked.items():
            after = mean_over_seeds(folders)
            cells = [_changed(before, after, arm, measure) for measure in ("ndcg@10", "ild@10")]
            shown = [
                whole_catalogue(results, str(study.diversified), arm, "coverage@10") for results in (unchanged, of[by])
            ]
            cells.append(" → ".join("–" if value is None else f"{value:.3f}" for value in shown))
            lines.append(f"| {arm} | {by} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _changed(before: pl.DataFrame, after: pl.DataFrame, arm: str, measure: str) -> str:
    wanted = (pl.col("arm") == arm) & (pl.col("measure") == measure) & pl.col("value").is_not_null()
    both = before.filter(wanted).join(after.filter(wanted), on="user_id", suffix="_after").sort("user_id")
    old, new = both["value"].to_numpy(), both["value_after"].to_numpy()
    rows = np.random.default_rng(0).integers(0, len(old), (2000, len(old)))
    low, high = np.quantile(new[rows].sum(axis=1) / old[rows].sum(axis=1) - 1, [0.025, 0.975])
    return f"{new.sum() / old.sum() - 1:+.1%} ({low:+.1%} to {high:+.1%})"


def retrieval_line(results: Sequence[Result], split: str) -> str | None:
    """How much of the exact lists the candidates from the store held, for the arms that retrieve."""
    found: dict[str, list[float]] = {}
    for result in results:
        for row in result.retrieval:
            if row.split == split and row.candidate_recall is not None:
                found.setdefault(row.arm, []).append(row.candidate_recall)
    if not found:
        return None
    told = ", ".join(f"{arm} {np.mean(recalls):.4f}" for arm, recalls in found.items())
    return f"Share of the exact list among the candidates from Qdrant: {told}."


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
    data = Path(os.environ.get("RECSAT_DATA", ""))
    sections, left_out = [], []
    versions: dict[str, str] = {}
    for study in STUDIES:
        if arguments.studies and study.name not in arguments.studies:
            continue
        if study.needs_folder and not ("RECSAT_DATA" in os.environ and (data / study.needs_folder).is_dir()):
            left_out.append(
                f"{study.title}: left out, the environment's RECSAT_DATA names no folder with {study.needs_folder}."
            )
            continue
        folders = run_study(study, arguments.seeds, arguments.work)
        versions = json.loads((folders[0] / "result.json").read_text())["versions"]
        sections.append(section(study, folders))
        if study.diversified:
            reranked = run_diversified(study, folders, arguments.work)
            sections.append(diversified_section(study, folders, reranked))
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
