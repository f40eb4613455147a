"""Popularity in a user's market against popularity everywhere, for users of whom nothing else is known.

For every seed whole users are held out; each way of filling their lists is judged on the validation users, then on the test
users. The number of prior users is chosen once, by the mean over the seeds' validation users. Differences are paired over
users; a user who is a test user of several seeds counts once, by the mean.
Run: ``python tests/benchmarks/market.py --seeds 42 43 44``. With ``--domain game`` or ``social``, which have kinds and no markets, it
compares a list in order of the share of users with one in which each kind has places in proportion to its likes.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import torch
from folds import folds, ndcg_of, prepared, with_interval
from numpy.typing import NDArray

from recsat.arms.linear.padded import at_candidates
from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.popularity import Popularity
from recsat.arms.profile_text import ProfileText
from recsat.contract.arm import Recommender
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.run.stage import StageContext
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.users import with_markets, with_profiles

PRIOR_USERS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
EVERYWHERE, PROFILE, PROPORTIONAL = "everywhere", "the description", "in proportion by kind"


class InProportion(Popularity):
    r"""Each kind gets places in proportion to its likes, the most liked first.

    The j-th item of a kind with a share w of the likes scores :math:`w / (2j - 1)` (Sainte-Laguë), so every beginning of a list is
    in proportion. Items that tie have the mean of their ranks.
    """

    def fit(self, train: TrainingData) -> Self:
        liked = pl.DataFrame({"kind": train.catalogue.items["kind"], "n": train.popularity})
        rank = pl.col("n").rank("average", descending=True).over("kind")
        weight = pl.col("n").sum().over("kind") / pl.col("n").sum()
        self.counts = torch.from_numpy(
            liked.select(weight / (2 * rank - 1)).to_series().cast(pl.Float32).to_numpy().copy()
        )
        return self

    def score(self, users: UserBatch, candidates: torch.Tensor | None = None) -> torch.Tensor:
        scores = self.counts.expand(len(users), -1)
        return scores if candidates is None else at_candidates(scores, candidates)


def with_market_in_texts(context: StageContext, fold: Fold) -> Fold:
    """``fold`` as it would be if a market were a description of taste: describe_user says where the user is."""
    inputs = embedded_inputs(context)
    marketless = replace(inputs, domain=replace(context.domain, market=None))
    return replace(fold, users=with_profiles(fold.users, marketless))


def ways(fold: Fold) -> Mapping[str, Sequence[Recommender]]:
    """Fallbacks by name."""
    everywhere = Popularity().fit(fold.train)
    fallbacks: dict[str, Sequence[Recommender]] = {EVERYWHERE: [everywhere]}
    fallbacks |= {f"{mu:g} prior users": [MarketPopularity(prior_users=mu).fit(fold.train)] for mu in PRIOR_USERS}
    if "text" in fold.train.vectors:
        fallbacks[PROFILE] = [ProfileText().fit(fold.train), everywhere]
    return fallbacks | {PROPORTIONAL: [InProportion().fit(fold.train)]}


def of_seed(domain: str, seed: int, place: Path) -> pl.DataFrame:
    """nDCG@10 of every way: (seed, part, way, user_id, market, value)."""
    context = prepared(domain, place, [{"name": "new", "protocol": "cold-users", "test_share": 0.2}], seed=seed)
    tables = []
    for part, fold in zip(("validation", "test"), folds(context)["new"], strict=True):
        fold_with_market = with_market_in_texts(context, fold)
        users = with_markets(fold.users, context.dataset.users, context.domain.market)
        markets = pl.DataFrame(
            {"user_id": users.ids, "market": [""] * len(users) if users.markets is None else users.markets}
        )
        for way, fallbacks in ways(fold).items():
            values = ndcg_of(Popularity().fit(fold.train), fold_with_market, seed, fallbacks)
            tables.append(
                values.join(markets, on="user_id").with_columns(seed=seed, part=pl.lit(part), way=pl.lit(way))
            )
    return pl.concat(tables)


def by_user(values: pl.DataFrame, way: str) -> NDArray[np.float64]:
    """Mean over seeds of each user's value, in order of user."""
    return (
        values.filter(pl.col("way") == way)
        .group_by("user_id")
        .agg(pl.col("value").mean())
        .sort("user_id")["value"]
        .to_numpy()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="ecommerce")
    parser.add_argument("--home", default="United Kingdom", help="The market that all others are told apart from.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    values = pl.concat([of_seed(options.domain, seed, options.place) for seed in options.seeds])
    validation, test = (values.filter(pl.col("part") == part) for part in ("validation", "test"))
    means = validation.group_by("way", maintain_order=True).agg(
        pl.col("value").mean(), abroad=pl.col("value").filter(pl.col("market") != options.home).mean()
    )
    print("validation:", *(f"{way}: {mean:.4f}, abroad {abroad:.4f}" for way, mean, abroad in means.rows()), sep="\n  ")
    with_prior = means.filter(pl.col("way").str.ends_with("prior users"))
    print("chosen:", with_prior.sort("value", descending=True)["way"][0])
    groups = {"all": pl.lit(value=True)}
    if (test["market"] != "").any():
        groups |= {
            f"outside {options.home}": pl.col("market") != options.home,
            options.home: pl.col("market") == options.home,
        }
    print("\n| users | way | nDCG@10 on test | minus everywhere |\n|---|---|---|---|")
    for name, mask in groups.items():
        part = test.filter(mask)
        before = by_user(part, EVERYWHERE)
        for way in means["way"]:
            mine = by_user(part, way)
            print(f"| {name} ({len(mine)}) | {way} | {with_interval(mine)} | {with_interval(mine - before)} |")


if __name__ == "__main__":
    main()
