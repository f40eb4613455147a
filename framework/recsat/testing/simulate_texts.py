"""Texts and friendships for a simulated world: texts made from topics, ties between people of like taste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from recsat.testing.simulate import SECONDS_PER_DAY, World, dense_ids, moments


def item_texts(world: World, words: Mapping[str, Sequence[str]], n_words: int = 8) -> pl.DataFrame:
    """Titles and descriptions from the topics: (item_id, title, description, topics).

    ``words`` has each topic's vocabulary. A description is ``n_words`` words drawn by the item's topics; a title is two
    words of its main topic and a number; ``topics`` are those with at least a quarter of the item.
    """
    settings = world.settings
    rng = np.random.default_rng([settings.seed, 3])
    width = max(len(words[topic]) for topic in world.topics)
    vocabulary = np.array([[words[topic][j % len(words[topic])] for j in range(width)] for topic in world.topics])
    cumulative = world.item_topics.cumsum(axis=1)[:, None, :]
    topic = (rng.random((settings.n_items, n_words, 1)) * cumulative[:, :, -1:] > cumulative).sum(axis=2)
    description_words = vocabulary[topic, rng.integers(0, width, size=topic.shape)]
    main = world.item_topics.argmax(axis=1)
    first, step = rng.integers(0, width, settings.n_items), rng.integers(1, max(width, 2), settings.n_items)
    title_words = vocabulary[main[:, None], np.stack([first, (first + step) % width], axis=1)]
    shares = pl.DataFrame(world.item_topics, schema=list(world.topics)).with_row_index("row").unpivot(index="row")
    largest = pl.col("value") == pl.col("value").max().over("row")
    topics = shares.filter((pl.col("value") >= 0.25) | largest).sort("row", "value", descending=[False, True])
    return pl.DataFrame(
        {
            "item_id": dense_ids("i", np.arange(settings.n_items)),
            "title": [f"{a.capitalize()} {b} {i}" for i, (a, b) in enumerate(title_words.tolist(), start=1)],
            "description": pl.Series(description_words.tolist(), dtype=pl.List(pl.String)).list.join(" "),
            "topics": topics.group_by("row", maintain_order=True).agg("variable").sort("row")["variable"],
        }
    )


def noise_texts(world: World, words: Mapping[str, Sequence[str]], n_words: int = 8) -> pl.DataFrame:
    """:func:`item_texts` in which every item has the text of another, drawn at random: as many alike, and none says what its item is."""
    rng = np.random.default_rng([world.settings.seed, 5])
    others = replace(world, item_topics=rng.permutation(world.item_topics))
    return item_texts(others, words, n_words)


def draw_ties(world: World, mean_friends: float = 6.0, homophily: float = 6.0) -> pl.DataFrame:
    """Undirected friendships (user_id, other_id, timestamp), each pair once; likelier between users of like taste.

    A pair is tied with probability proportional to exp(homophily × cosine of tastes), so that the mean degree is
    ``mean_friends``. Dense in users × users: for worlds of some thousand users.
    """
    settings = world.settings
    rng = np.random.default_rng([settings.seed, 4])
    unit = world.tastes / np.linalg.norm(world.tastes, axis=1, keepdims=True)
    first, second = np.triu_indices(settings.n_users, k=1)
    weight = np.exp(homophily * (unit[first] * unit[second]).sum(axis=1))
    chance = np.minimum(weight * (mean_friends * settings.n_users / 2) / max(weight.sum(), 1e-300), 1)
    tied = rng.random(len(first)) < chance
    when = rng.uniform(0, settings.n_days * SECONDS_PER_DAY, size=int(tied.sum()))
    return pl.DataFrame(
        {"user_id": dense_ids("u", first[tied]), "other_id": dense_ids("u", second[tied]), "timestamp": moments(when)}
    )
