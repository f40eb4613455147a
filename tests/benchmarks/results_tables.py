"""The tables of docs/results.md, from finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from recsat.measure.differences import difference_intervals
from recsat.measure.intervals import bootstrap_intervals
from recsat.measure.significance import holm, sign_flip_test
from recsat.measure.user_values import UserValues
from recsat.result.model import Result

MEASURES = ("ndcg@10", "recall@10", "ild@10", "coverage@10")


def mean_over_seeds(folders: Sequence[Path]) -> pl.DataFrame:
    """(split, arm, measure, user_id, value): a user's mean over the runs that judged them."""
    tables = [
        UserValues.of_wide(pl.read_parquet(path)).table().with_columns(split=pl.lit(path.stem)).filter(slice="all")
        for folder in folders
        for path in sorted((folder / "measures").glob("*.parquet"))
    ]
    keys = ["split", "arm", "measure", "user_id"]
    return pl.concat(tables).group_by(keys).agg(pl.col("value").mean()).sort(keys)


def whole_catalogue(results: Sequence[Result], split: str, arm: str, measure: str) -> float | None:
    """The mean over runs of a measure that users do not have one by one, such as coverage."""
    means = [
        a.measures[measure].mean
        for result in results
        for a in result.arms
        if (a.name, a.split, a.slice) == (arm, split, "all") and measure in a.measures
    ]
    numbers = [value for value in means if value is not None]
    return float(np.mean(numbers)) if numbers else None


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
    intervals = difference_intervals(apart, confidence=0.95, n_bootstrap=2000, seed=0)
    p = holm(sign_flip_test(apart))
    return pl.DataFrame({"other": others, "mean": intervals.mean, "low": intervals.low, "high": intervals.high, "p": p})


def section(title: str, folders: Sequence[Path]) -> str:
    """A study's part of the page: every arm on every split, and the hybrid against the others."""
    results = results_of(folders)
    per_user = mean_over_seeds(folders)
    first = results[0]
    seeds = ", ".join(str(result.seed) for result in results)
    lines = [
        f"## {title}",
        "",
        f"{first.data.n_users:,} users, {first.data.n_items:,} items, {first.data.n_events:,} events. Seeds {seeds}; "
        f"data fingerprint `{first.data_fingerprint[:16]}`.",
        "",
    ]
    lines += [*shares(results, per_user), ""]
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
                intervals = bootstrap_intervals(values.to_numpy()[:, None], confidence=0.95, n_bootstrap=2000, seed=0)
                cells.append(f"{intervals.mean[0]:.4f} ({intervals.low[0]:.4f}–{intervals.high[0]:.4f})")
                lead = float(intervals.mean[0]) if measure == "ndcg@10" else lead
            rows.append((lead, f"| {arm} | " + " | ".join(cells) + " |"))
        lines += [row for _, row in sorted(rows, key=lambda row: -row[0])]
        if line := retrieval_line(results, split.name):
            lines += ["", line]
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


def shares(results: Sequence[Result], per_user: pl.DataFrame) -> list[str]:
    """On each split the best arm that reads nothing, the best that reads words alone, the default arm, and what of its gain is the words' and the model's."""
    reads = {info.name: info.reads for info in results[0].arm_infos}
    lines = [
        "| split | best that reads nothing | best with words | default arm | against the best other arm | the words' share of its gain | the model's share |",
        "|---|---|---|---|---|---|---|",
    ]
    for split in results[0].splits:
        means = dict(_means(per_user, split.name))
        nothing, words = (
            max((arm for arm in means if reads[arm] == kind), key=means.__getitem__) for kind in ("nothing", "words")
        )
        other = max((arm for arm in means if not arm.startswith("hybrid")), key=means.__getitem__)
        cells = [f"{arm} {means[arm]:.4f}" for arm in (nothing, words)] + [f"{means['hybrid']:.4f}"]
        cells.append(f"{other} {_gap(per_user, split.name, 'hybrid', other)}")
        cells += [
            _gap(per_user, split.name, "hybrid-words", nothing),
            _gap(per_user, split.name, "hybrid", "hybrid-words"),
        ]
        lines.append(f"| {split.name} | {' | '.join(cells)} |")
    return lines


def _gap(per_user: pl.DataFrame, split: str, one: str, other: str) -> str:
    row = differences(per_user.filter(pl.col("arm").is_in([one, other])), split, one).row(0, named=True)
    return f"{row['mean']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"


def results_of(folders: Sequence[Path]) -> list[Result]:
    """The results of finished runs."""
    return [Result.model_validate_json((folder / "result.json").read_text()) for folder in folders]


def retrieval_line(results: Sequence[Result], split: str) -> str | None:
    """How much of the exact lists the candidates from the store held, for the arms that retrieve."""
    recalls_of_arm: dict[str, list[float]] = {}
    for result in results:
        for row in result.retrieval:
            if row.split == split and row.candidate_recall is not None:
                recalls_of_arm.setdefault(row.arm, []).append(row.candidate_recall)
    if not recalls_of_arm:
        return None
    numbers = ", ".join(f"{arm} {np.mean(recalls):.4f}" for arm, recalls in recalls_of_arm.items())
    return f"Share of the exact list among the candidates from Qdrant: {numbers}."


def _means(per_user: pl.DataFrame, split: str) -> list[tuple[str, float]]:
    rows = per_user.filter((pl.col("split") == split) & (pl.col("measure") == "ndcg@10"))
    return [(str(arm), float(value)) for arm, value in rows.group_by("arm").agg(pl.col("value").mean()).rows()]
