"""How much a run will do: users, likes, texts and lists of each part of each split, counted from what ``prepare`` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.domain import Encoder
from recsat.data.split import Split
from recsat.embed.cached_vectors import encoder_folder, read_vectors, text_keys
from recsat.embed.legibility import Tokenizing
from recsat.run.stage import StageContext
from recsat.stages.prepare import read_split
from recsat.stages.trial.counterfactual import counterfactual_lack, judged_users
from recsat.stages.trial.inputs import inputs_of, reads_users
from recsat.stages.trial.users import describe_users

SAMPLE = 200
"""Texts whose tokens are counted, and users whose texts are looked up in the cache."""
CHARACTERS_A_TOKEN = 4.0
"""Where an encoder does not count tokens."""


@dataclass(frozen=True)
class FoldSize:
    """One part of a split as arms meet it."""

    users: int
    """With a like that is known."""
    likes: int
    """Distinct pairs of a user and an item that is known to be liked."""
    pairs: int
    """Pairs of likes of one user, over all users."""
    served: int
    """Users who get lists."""
    further: int = 0
    """Users who get lists for the log alone."""


@dataclass(frozen=True)
class SplitSize:
    """A split; every draw of the test part counts as the first."""

    name: str
    protocol: str
    n_draws: int
    validation: FoldSize
    test: FoldSize


@dataclass(frozen=True)
class TextSize:
    """Distinct texts, and those of them that are in no cache."""

    n: int
    n_new: int
    tokens: float
    """Of the new ones, each cut as the encoder cuts it."""


@dataclass(frozen=True)
class RunSize:
    n_items: int
    n_events: int
    splits: Sequence[SplitSize]
    item_texts: TextSize
    user_texts: TextSize
    """Reckoned from :data:`SAMPLE` users of each split; none where no arm reads users."""
    dimension: int
    topics_of_item: float = 0.0
    """Mean over the items; 0 where the domain names no topics."""


def run_size(context: StageContext, encoder: Encoder) -> RunSize:
    """Of a run whose stage ``prepare`` has finished."""
    topics = context.domain.topics
    texts = context.folder.read_table("data/texts.parquet")["text"]
    return RunSize(
        n_items=len(context.catalogue),
        n_events=context.folder.read_json("data/summary.json")["n_events"],
        splits=[
            split_size(context, split, settings.n_draws)
            for split, settings in zip(_splits(context), context.config.splits, strict=True)
        ],
        item_texts=text_size(context, encoder, texts.filter(texts.str.strip_chars() != "")),
        user_texts=user_text_size(context, encoder, _splits(context)) if reads_users(context) else TextSize(0, 0, 0.0),
        dimension=encoder.dimension,
        topics_of_item=0.0 if topics is None else _mean_length(context.catalogue.items[topics]),
    )


def _mean_length(lists: pl.Series) -> float:
    return float(lists.list.len().fill_null(0).to_numpy().mean()) if len(lists) else 0.0


def _splits(context: StageContext) -> Iterator[Split]:
    """The run's, one after the other: each has all events."""
    return (read_split(context.folder, settings.name) for settings in context.config.splits)


def split_size(context: StageContext, split: Split, n_draws: int) -> SplitSize:
    known = pl.concat([split.train, split.validation])
    test = _fold_size(context, known, split.test)
    inputs = inputs_of(context, {}, with_events=False)
    if counterfactual_lack(inputs, split) is None and inputs.dataset.exposures is not None:
        judged = judged_users(inputs.dataset.exposures, split, inputs.seed)
        served = split.test.filter(context.domain.positive)["user_id"].unique()
        further = int((~judged.is_in(served.implode())).sum())
        test = FoldSize(test.users, test.likes, test.pairs, test.served, further)
    return SplitSize(split.name, split.protocol, n_draws, _fold_size(context, split.train, split.validation), test)


def _fold_size(context: StageContext, known: pl.DataFrame, held_out: pl.DataFrame) -> FoldSize:
    positive = context.domain.positive
    lengths = known.filter(positive).group_by("user_id").agg(pl.col("item_id").n_unique().alias("n"))["n"].to_numpy()
    served = held_out.filter(positive)["user_id"].n_unique()
    return FoldSize(len(lengths), int(lengths.sum()), int(np.square(lengths.astype(np.int64)).sum()), served)


def text_size(context: StageContext, encoder: Encoder, texts: pl.Series) -> TextSize:
    """Of ``texts``, each distinct one once."""
    distinct = texts.unique(maintain_order=True)
    new = distinct.filter(pl.Series(~in_cache(context, encoder, distinct.to_list()), dtype=pl.Boolean))
    return TextSize(len(distinct), len(new), tokens_of(encoder, new, context.config.encoder.max_tokens))


def user_text_size(context: StageContext, encoder: Encoder, splits: Iterable[Split]) -> TextSize:
    """What ``describe_user`` says of the users whom each part of each split serves, who have other histories in each."""
    inputs, positive = inputs_of(context, {}, with_events=False), context.domain.positive
    n, n_new, tokens = 0.0, 0.0, 0.0
    for split, settings in zip(splits, context.config.splits, strict=True):
        known = pl.concat([split.train, split.validation])
        folds = [(split.train, split.validation, 1), (known, split.test, settings.n_draws)]
        for events, held_out, n_draws in folds:
            liked = events.filter(positive)
            served = held_out.filter(positive)["user_id"].unique().sort()
            served = served.filter(served.is_in(liked["user_id"].unique().implode()))
            sample = served.sample(min(len(served), SAMPLE), seed=context.config.seed)
            if sample.is_empty():
                continue
            texts = describe_users(inputs, liked.filter(pl.col("user_id").is_in(sample.implode())), sample)["text"]
            of_sample = text_size(context, encoder, texts.fill_null(""))
            factor = n_draws * len(served) / len(sample)
            n += factor * of_sample.n
            n_new += factor * of_sample.n_new
            tokens += factor * of_sample.tokens
    return TextSize(round(n), round(n_new), tokens)


def in_cache(context: StageContext, encoder: Encoder, texts: list[str]) -> NDArray[np.bool_]:
    """(len(texts),) bool."""
    if not texts:
        return np.zeros(0, dtype=np.bool_)
    folder = encoder_folder(Path(context.config.cache_dir), encoder.fingerprint)
    vectors = np.empty((len(texts), encoder.dimension), dtype=np.float32)
    return read_vectors(folder, text_keys(encoder.fingerprint, texts), vectors)


def tokens_of(encoder: Encoder, texts: pl.Series, most: int) -> float:
    """All tokens of ``texts`` together, of which a text has ``most`` at most; reckoned from :data:`SAMPLE` of them."""
    if texts.is_empty():
        return 0.0
    sample = texts.sample(min(len(texts), SAMPLE), seed=0)
    characters = sample.str.len_chars().to_numpy()
    counted = encoder.count_tokens(sample.to_list()) if isinstance(encoder, Tokenizing) else None
    rate = 1 / CHARACTERS_A_TOKEN if counted is None else counted.n_tokens / max(1, int(characters.sum()))
    return float(np.minimum(characters * rate, most).sum()) * len(texts) / len(sample)
