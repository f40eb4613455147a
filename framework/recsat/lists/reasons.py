"""Reasons in words: a code, and what it names, become a sentence from the domain's template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.arms.linear.padded import blocks_of_like_length
from recsat.arms.returned import checked_reasons
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.interactions import UserBatch
from recsat.contract.reasons import DEFAULT_REASONS, SLOT

NAMING = ("because", "similar")
"""Codes of reasons that name an item of the history."""
HISTORY_BUDGET = 2**13
"""Padded history places of the users whose reasons are looked for at once."""
AN_ITEM = "an item you liked"
FEW = 100
"""Sentences up to which each is made by itself."""


def reasons_of(recommender: Recommender, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
    """``recommender.explain`` of users with histories of like length together: arms pad them to the longest, which may be a hundred times the rest."""
    blocks = list(blocks_of_like_length(users.history, HISTORY_BUDGET))
    if len(blocks) <= 1:
        return checked_reasons(recommender, recommender.explain(users, items), items)
    parts = [
        checked_reasons(recommender, recommender.explain(users.take(rows), items[rows]), items[rows]) for rows in blocks
    ]
    back = np.argsort(np.concatenate(blocks))
    return Reasons(
        code=np.concatenate([part.code for part in parts])[back],
        item=np.concatenate([part.item for part in parts])[back],
        n=_joined([part.n for part in parts], items.shape, back),
        days=_joined([part.days for part in parts], items.shape, back),
    )


def _joined(
    parts: list[NDArray[np.int64] | None], shape: tuple[int, ...], back: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    counted = [part for part in parts if part is not None]
    if not counted:
        return None
    assert len(counted) == len(parts), "an arm counts people for all users or for none"
    joined: NDArray[np.int64] = np.concatenate(counted)[back].reshape(shape)
    return joined


def sentences_of(
    codes: NDArray[np.str_],
    items: NDArray[np.int64],
    titles: pl.Series,
    templates: Mapping[str, str],
    *,
    topics: pl.Series | None = None,
    markets: pl.Series | None = None,
    people: NDArray[np.int64] | None = None,
    days: NDArray[np.int64] | None = None,
    relations: pl.Series | None = None,
) -> pl.Series:
    """One sentence for each code.

    ``{title}`` stands for the title of the history item, ``titles`` at ``items`` (-1: "an item you liked"); ``{topic}`` and
    ``{market}`` for what ``topics`` and ``markets`` have at that place; ``{people}`` and ``{days}`` for the numbers there, 0 and None being nothing to say. ``templates`` are the domain's own, before
    :data:`DEFAULT_REASONS`. A template one of whose placeholders has nothing to say there gives way to the default one, and
    a code without a template that can be filled is shown as it is, an empty one of lists without reasons too. Where ``relations`` say what the listed item has in common with the
    named one, ``because`` and ``similar`` become ``attribute``.
    """
    if (codes == "").all():
        return pl.Series("reason", codes, dtype=pl.String)
    named = titles.cast(pl.String)[np.maximum(items, 0)] if len(titles) else pl.Series([], dtype=pl.String)
    if len(named) and (items < 0).any():
        named = named.set(pl.Series(items < 0), AN_ITEM)
    if named.null_count():
        named = named.fill_null(AN_ITEM)
    if relations is not None:
        codes = np.where(np.isin(codes, NAMING) & relations.is_not_null().to_numpy(), "attribute", codes)
    slots: dict[str, pl.Series] = {
        "title": named,
        "code": pl.Series(codes, dtype=pl.String),
    }
    slots |= {
        name: values
        for name, values in (("topic", topics), ("market", markets), ("relation", relations))
        if values is not None
    }
    if people is not None and people.any():
        slots["people"] = _counted(people, "people", one="one person")
    if days is not None and days.any():
        slots["days"] = _counted(days, "days", one="day")
    if len(codes) <= FEW:
        return _few_sentences(codes.tolist(), {name: values.to_list() for name, values in slots.items()}, templates)
    sentence = pl.col("code")
    for code in np.unique(codes).tolist():
        sentences = [_filled(words[code], slots) for words in (templates, DEFAULT_REASONS) if code in words]
        sentence = pl.when(pl.col("code") == code).then(pl.coalesce(*sentences, "code")).otherwise(sentence)
    return pl.DataFrame(slots).select(reason=sentence).to_series()


def _few_sentences(
    codes: Sequence[str], slots: Mapping[str, Sequence[str | None]], templates: Mapping[str, str]
) -> pl.Series:
    """As :func:`sentences_of` does by a query, which takes longer than a user's list."""
    of_code = {
        code: [
            parts
            for words in (templates, DEFAULT_REASONS)
            if code in words and slots.keys() >= {*(parts := SLOT.split(words[code]))[1::2]}
        ]
        for code in set(codes)
    }

    def sentence(row: int, code: str) -> str:
        for parts in of_code[code]:
            filled = [slots[part][row] if place % 2 else part for place, part in enumerate(parts)]
            if None not in filled:
                return "".join(filled)  # type: ignore[arg-type]
        return code

    return pl.Series("reason", [sentence(row, code) for row, code in enumerate(codes)], dtype=pl.String)


def _counted(numbers: NDArray[np.int64], plural: str, *, one: str) -> pl.Series:
    """``12 people``, or ``one`` for 1; null for 0."""
    different, place = np.unique(numbers, return_inverse=True)
    words = [one if n == 1 else f"{n} {plural}" if n > 1 else None for n in different.tolist()]
    return pl.Series("n", words, dtype=pl.String)[place]


def _filled(template: str, slots: Mapping[str, pl.Series]) -> pl.Expr:
    """``template`` with its placeholders filled from the columns of their names; null where one of them is, or is not among these."""
    parts = SLOT.split(template)
    if not slots.keys() >= {*parts[1::2]}:
        return pl.lit(None, dtype=pl.String)
    return pl.concat_str([pl.col(part) if place % 2 else pl.lit(part) for place, part in enumerate(parts)])
