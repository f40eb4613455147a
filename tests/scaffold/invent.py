"""Invents the readers of the sample that ``recsat new-plugin`` writes: who read and rated which of its sixty books.

Run it (``python tests/scaffold/invent.py``) after a change of ``sample/items.csv``; a test holds the file to it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SAMPLE = Path(__file__).parents[2] / "framework/recsat/scaffold/template/package/sample"
N_READERS = 80
N_READ = 18
SEED = 20240101
START = date(2024, 1, 1)
Ints = NDArray[Any]


def invent(items: pl.DataFrame) -> pl.DataFrame:
    """(user_id, item_id, event, value, timestamp): pages read and, for most books, stars.

    A reader's taste is a Dirichlet draw over genres; a book suits by the share of its genres in that taste. Readers
    take books by suitability and fame, read a good one to its end and give it stars by suitability and chance.
    """
    rng = np.random.default_rng(SEED)
    genres = sorted(set(items["genres"].explode()))
    of_book = np.array([[genre in of for genre in genres] for of in items["genres"].to_list()], dtype=float)
    of_book /= of_book.sum(axis=1, keepdims=True)
    taste = rng.dirichlet(np.full(len(genres), 0.35), size=N_READERS)
    suits = taste @ of_book.T
    suits /= suits.max(axis=1, keepdims=True)
    fame = 0.5 * rng.standard_normal(items.height)
    # Gumbel noise makes the N_READ largest a draw without replacement from the softmax.
    keys = 4 * suits + fame + rng.gumbel(size=suits.shape)
    books = np.argsort(-keys, axis=1)[:, :N_READ]
    readers = np.repeat(np.arange(N_READERS), N_READ)
    books = books.ravel()
    pleased = suits[readers, books] + 0.25 * rng.standard_normal(len(books))
    stars = np.clip(np.round(2 + 3 * pleased), 1, 5)
    share = np.where(stars >= 3, 1, rng.uniform(0.1, 0.7, size=len(books)))
    pages = np.maximum(np.round(items["pages"].to_numpy()[books] * share), 1)
    day = rng.integers(0, 360, size=len(books))
    rates = rng.random(len(books)) < 0.7
    read = _events(readers, books, "read", pages, day)
    rated = _events(readers[rates], books[rates], "rating", stars[rates], day[rates] + rng.integers(1, 6, rates.sum()))
    return pl.concat([read, rated]).sort("timestamp", "user_id", "item_id", "event")


def _events(readers: Ints, books: Ints, event: str, value: Ints, day: Ints) -> pl.DataFrame:
    return pl.DataFrame({"reader": readers + 1, "book": books + 1, "value": value.astype(int), "day": day}).select(
        user_id=pl.format("r{}", pl.col("reader").cast(pl.String).str.zfill(2)),
        item_id=pl.format("b{}", pl.col("book").cast(pl.String).str.zfill(2)),
        event=pl.lit(event),
        value="value",
        timestamp=pl.lit(START) + pl.duration(days="day"),
    )


def main() -> None:
    items = pl.read_csv(SAMPLE / "items.csv").with_columns(pl.col("genres").str.split("|"))
    invent(items).write_csv(SAMPLE / "events.csv")


if __name__ == "__main__":
    main()
