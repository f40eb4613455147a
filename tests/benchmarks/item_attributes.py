"""What attributes of items add to the default arm: nDCG@10 with and without the vectors ``graph``, paired over users and draws, and where the fit put them.

Run: ``RECSAT_DATA=… python tests/benchmarks/item_attributes.py --sets steam-200k movielens --protocols both --seeds 42 43 44``. Attributes of games are those of the Steam catalogue, of films genres and decade. The
texts are those of :mod:`public_sets`, which name genres and tags too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from no_regret import Values, ndcg, parts_of
from public_sets import FOLDER, SETS, read, vectors_of

from recsat.embed.fusion import ready_vectors
from recsat.embed.item_attributes import GRAPH, attribute_vectors
from recsat.measure.draws import drawn_means
from recsat.plugins import load_plugins

WITH_BARS = ("genres", "tags", "specs")


def _edges(table: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """One row an attribute; columns whose cells are lists written with bars are taken apart."""
    return pl.concat(
        table.select("item_id", relation=pl.lit(name), value=pl.col(name).cast(pl.String).str.split("|"))
        .explode("value")
        .drop_nulls("value")
        for name in columns
    )


def attributes_of(name: str) -> pl.DataFrame:
    """(item_id, relation, value) of the set called ``name``."""
    if name == "movielens":
        movies = pl.read_csv(FOLDER / "movielens-latest-small/movies.csv.gz", schema_overrides={"movieId": pl.String})
        year = pl.col("title").str.extract(r"\((\d{3})\d\)\s*$")
        return _edges(movies.select("genres", item_id="movieId", decade=year), ("genres", "decade"))
    games = pl.read_csv(FOLDER / "steam-catalog-2018/games.csv.gz", schema_overrides={"item_id": pl.String})
    games = games.with_columns(year=pl.col("release_date").cast(pl.String).str.slice(0, 4))
    columns = (*WITH_BARS, "developer", "publisher", "year")
    if name == "steam-reviews":
        return _edges(games, columns)
    mine = pl.read_csv(
        FOLDER / "steam-200k/games.csv.gz", schema_overrides={"game_id": pl.String, "steam_app_id": pl.String}
    )
    of_app = games.select(*columns, steam_app_id="item_id")
    joined = mine.select("steam_app_id", item_id="game_id").join(of_app, on="steam_app_id")
    return _edges(joined, columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["steam-200k", "steam-reviews", "movielens"], choices=list(SETS))
    parser.add_argument("--protocols", nargs="+", default=["both"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44])
    parser.add_argument("--arms", nargs="+", default=["hybrid"])
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    arms = load_plugins(["content"]).recommenders(load_plugins(["content"]).domain("content"))
    print(
        "| set | split | arm | draws | without | with | difference (95 %) | | draws with a gain |\n|---|---|---|---:|---:|---:|---|---:|---:|",
        flush=True,
    )
    for name in options.sets:
        one = read(name)
        vectors = dict(vectors_of(one, options.place))
        edges = attributes_of(name)
        graph = ready_vectors({GRAPH: attribute_vectors(edges, one.catalogue.items["item_id"])}, len(one.texts), name)
        n_with = int(graph[GRAPH].any(axis=1).sum())
        print(f"{name}: {n_with} of {len(one.texts)} items have attributes", flush=True)
        for protocol in options.protocols:
            for arm in options.arms:
                draws = []
                for seed in options.seeds:
                    pair = []
                    for more in ({}, graph):
                        _, test = parts_of(one, {**vectors, **more}, protocol, seed)
                        start = time.process_time()
                        fitted = arms[arm].make().fit(test.train)
                        pair.append(ndcg(fitted, test))
                        seconds = time.process_time() - start
                        print(
                            f"  {protocol} {seed} {sorted(more)} {np.nanmean(pair[-1]):.4f} {seconds:.0f} s: {getattr(fitted, 'summary', '')}",
                            flush=True,
                        )
                    draws.append((list(test.users.ids), *pair))
                print(row(name, protocol, arm, draws), flush=True)


def row(name: str, protocol: str, arm: str, draws: Sequence[tuple[list[str], Values, Values]]) -> str:
    """Of the table; each draw has ids of users and their nDCG without and with attributes."""
    place = {user: i for i, user in enumerate(sorted({user for users, _, _ in draws for user in users}))}
    values = np.full((len(place), 3, len(draws)), np.nan)
    for i, (users, without, having) in enumerate(draws):
        values[[place[user] for user in users], :, i] = np.column_stack([without, having, having - without])
    of_draws = drawn_means(values, confidence=0.95).intervals
    without, having, mean = of_draws.mean
    gained = int((np.nanmean(values[:, 2], axis=0) > 0).sum())
    interval = f"{of_draws.low[2]:+.4f} to {of_draws.high[2]:+.4f}" if len(draws) > 1 else "one draw"
    return (
        f"| {name} | {protocol} | {arm} | {len(draws)} | {without:.4f} | {having:.4f} "
        f"| {mean:+.4f} ({interval}) | {mean / without:+.1%} | {gained} |"
    )


if __name__ == "__main__":
    main()
