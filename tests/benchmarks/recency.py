"""What it is worth that arms know the time: popularity of late, as an arm and as the fallback, and gains of EASE's scores, at several cuts in time.

Run: ``RECSAT_DATA=… python tests/benchmarks/recency.py --out docs/recency.md``. Every choice is made inside ``fit``, on what is known before the cut;
EASE has its default ridge everywhere.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from folds import Values, ndcg_of

from recsat import Catalogue, Dataset, Domain
from recsat.arms.ease import Ease
from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.popularity import Popularity
from recsat.arms.recency import DAY
from recsat.arms.recent_popularity import RecentPopularity
from recsat.config.settings import SplitSettings
from recsat.contract.arm import Recommender
from recsat.data.core import core
from recsat.data.split import split_events
from recsat.lists.filters import SEEN
from recsat.measure.differences import difference_intervals
from recsat.plugins import load_plugins
from recsat.stages.trial.fold import Fold, test_fold
from recsat.stages.trial.inputs import RunInputs

CUTS = (0.1, 0.2, 0.35, 0.5)
SEED = 42
HEADER = """# What it is worth that arms know the time

Made by `python tests/benchmarks/recency.py --out docs/recency.md`. Each set is cut in time so that the share in the first column lies after the cut; users and
items are those of the 5-core, and items that a user liked before the cut are out. Whatever is chosen, the half-life of likes and the gain, is chosen inside `fit` on five windows that
begin where 50, 60, 70, 80 and 90 % of the likes before the cut are known and end at the cut: the longest half-life within one standard error of the best (plain popularity is the longest), and
the gain with the largest mean less one standard error between windows, none where no setting's mean is above two. Users of all kinds choose the half-life of the arm, those without a history that of the
fallback, those with one the gain. These two rules, exponential decay in the place of a window, and windows that all end at
the cut were chosen on these very cuts, so the table says less about other data than it seems to. EASE has its default ridge (200). Values are nDCG@10, means over users; differences are paired over users, with symmetric bootstrap-t
intervals of 95 %, none of them corrected for the number of rows.

- *popularity of late*: a like is worth half for every half-life of its age (`popularity-recent`), against plain popularity; all users.
- *EASE, fallback of late*: users without a history, and places that EASE leaves empty, are served by popularity of late (in the user's market where it is known), against the same with plain popularity; all
  users.
- *EASE with a gain*: `recency: auto`, scores times ((likes of late + 1) / (likes + 5))^γ, against EASE without; users with a history alone.
"""


@dataclass(frozen=True)
class Source:
    """A set with real times."""

    title: str
    load: Callable[[Path | None], tuple[Dataset, Domain]]


def _plugin(name: str) -> Callable[[Path | None], tuple[Dataset, Domain]]:
    def load(data: Path | None) -> tuple[Dataset, Domain]:
        domain = load_plugins([name]).domain(name)
        dataset = domain.load(domain.config())
        columns = ["user_id", "item_id", "event", "value", "timestamp"]
        return replace(dataset, events=dataset.events.select(columns)), domain

    return load


def _table(
    path: str, columns: Mapping[str, pl.Expr], liked: pl.Expr
) -> Callable[[Path | None], tuple[Dataset, Domain]]:
    def load(data: Path | None) -> tuple[Dataset, Domain]:
        if data is None or not (data / path).exists():
            raise FileNotFoundError(f"{path} is not there: set RECSAT_DATA to the folder that has it")
        rows = pl.read_csv(data / path).filter(liked).select(**columns)
        events = rows.drop_nulls("timestamp").select(
            pl.col("user_id", "item_id").cast(pl.String),
            pl.lit("like").alias("event"),
            pl.lit(1.0).alias("value"),
            pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
        )
        items = events.select(pl.col("item_id").unique().sort()).with_columns(kind=pl.lit("item"), title="item_id")
        domain = load_plugins(["content"]).domain("content")
        return Dataset(items=items, events=events), replace(domain, positive=pl.lit(value=True), rating=None)

    return load


SETS: Mapping[str, Source] = {
    "movielens": Source("MovieLens (bundled sample)", _plugin("content")),
    "retail": Source("Online Retail (bundled sample)", _plugin("ecommerce")),
    "steam": Source(
        "Steam, Australian reviews (days)",
        _table(
            "steam-au-reviews/reviews.csv.gz",
            {
                "user_id": pl.col("user_id"),
                "item_id": pl.col("item_id"),
                "timestamp": pl.col("posted").str.to_datetime("%Y-%m-%d", strict=False),
            },
            pl.col("recommend") == 1,
        ),
    ),
    "ciao": Source(
        "Ciao (days)",
        _table(
            "ciao-trust/ratings.csv.gz",
            {"user_id": pl.col("user_id"), "item_id": pl.col("product_id"), "timestamp": pl.from_epoch("timestamp")},
            pl.col("rating") >= 4,
        ),
    ),
}


def fold_at(dataset: Dataset, domain: Domain, share: float) -> Fold:
    """The test part of a timeline that holds out ``share`` of the likes, without item vectors."""
    settings = SplitSettings.model_validate({"name": "timeline", "protocol": "timeline", "test_share": share})
    inputs = RunInputs(
        dataset=dataset,
        catalogue=Catalogue(dataset.items),
        domain=domain,
        filters={"seen": SEEN},
        vectors={},
        seed=SEED,
    )
    return test_fold(inputs, split_events(dataset.events, domain.positive, settings, seed=SEED))


def difference(one: Values, other: Values) -> str:
    """Mean of the paired differences with its interval, and as a share of the other's mean."""
    gains = one - other
    ends = difference_intervals(gains[:, None], confidence=0.95, n_bootstrap=1000, seed=0)
    if not gains.any():
        return "the same"
    if np.isnan(ends.low[0]):
        return f"{gains.mean():+.4f} (too few differ for an interval)"
    share = "" if not other.mean() else f", {gains.mean() / other.mean():+.0%}"
    return f"{gains.mean():+.4f} ({ends.low[0]:+.4f} to {ends.high[0]:+.4f}){share}"


def days(half_life: float | None) -> str:
    return "all alike" if half_life is None else f"{half_life / DAY:.0f} days"


def lines(fold: Fold, share: float) -> tuple[str, str]:
    """One line of the table of popularity, and one of that of EASE."""

    def values(arm: Recommender, fallbacks: Sequence[Recommender]) -> Values:
        return ndcg_of(arm, fold, fallbacks=fallbacks)["value"].to_numpy()

    train = fold.train
    judged = fold.relevant["user_id"].unique().sort()
    known = judged.is_in(fold.users.id_series.filter(pl.Series(~fold.users.is_new)).implode()).to_numpy()
    counted = {"plain": Popularity().fit(train), "late": RecentPopularity().fit(train)}
    # A user without a history is served by fallbacks, whatever the arm: here by the arm itself.
    plain, late = (values(arm, [arm]) for arm in counted.values())
    stale, fresh = [MarketPopularity(half_life=None).fit(train)], [MarketPopularity().fit(train)]
    ease, gained = Ease().fit(train), Ease(recency="auto").fit(train)
    with_stale, with_fresh = values(ease, stale), values(ease, fresh)
    with_gain = values(gained, fresh)
    gain = "none" if gained.half_life is None else f"{days(gained.half_life)}, γ {gained.gamma:g}"
    late_arm = counted["late"]
    assert isinstance(late_arm, RecentPopularity)
    users = f"{len(judged)}, {int(np.sum(known))} with a history"
    return (
        f"| {share:.0%} | {users} | {plain.mean():.4f} | {late.mean():.4f} ({days(late_arm.seconds)}) | {difference(late, plain)} |",
        f"| {share:.0%} | {with_stale.mean():.4f} | {with_fresh.mean():.4f} | {difference(with_fresh, with_stale)} "
        f"| {with_fresh[known].mean():.4f} | {with_gain[known].mean():.4f} ({gain}) | {difference(with_gain[known], with_fresh[known])} |",
    )


def section(source: Source, data: Path | None) -> str:
    dataset, domain = source.load(data)
    dataset = core(dataset, domain.positive, min_user_events=5, min_item_events=5)
    times = dataset.events.filter(domain.positive)["timestamp"]
    span = (times.max() - times.min()).days  # type: ignore[operator, union-attr]
    pairs = [lines(fold_at(dataset, domain, share), share) for share in CUTS]
    popularity, ease = ("\n".join(column) for column in zip(*pairs, strict=True))
    return f"""
## {source.title}

{dataset.events["user_id"].n_unique():,} users, {dataset.items.height:,} items, {len(times):,} likes of {span:,} days.

| cut | users judged | popularity | popularity of late (half-life) | difference |
|---|---|---|---|---|
{popularity}

| cut | EASE | EASE, fallback of late | difference | EASE, users with a history | EASE with a gain (half-life, γ) | difference |
|---|---|---|---|---|---|---|
{ease}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    data = Path(os.environ["RECSAT_DATA"]) if "RECSAT_DATA" in os.environ else None
    text = HEADER
    for name in arguments.sets:
        text += section(SETS[name], data)
        print(text.splitlines()[-1], flush=True)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
