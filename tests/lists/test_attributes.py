"""What two items have in common, as reasons say it."""

from __future__ import annotations

import numpy as np
import polars as pl

from recsat.lists.attributes import catalogue_attributes
from recsat.lists.reasons import sentences_of

N_ITEMS = 60
IDS = pl.Series("item_id", [f"i{n}" for n in range(N_ITEMS)])
EDGES = pl.DataFrame(
    [
        *((f"i{n}", "genre", "action") for n in range(N_ITEMS)),  # everybody's says nothing
        *((f"i{n}", "publisher", "big") for n in range(3)),
        *((f"i{n}", "actor", "often seen") for n in (0, 1, 4)),  # before the others in the alphabet, and of more items
        ("i0", "developer", "small"),
        ("i1", "developer", "small"),
        ("i0", "artist", "ann"),
        ("i1", "artist", "ann"),
        ("i5", "developer", "alone"),
    ],
    schema=["item_id", "relation", "value"],
    orient="row",
)


def test_the_rarest_that_both_have_is_named_and_of_equals_the_first_in_the_alphabet() -> None:
    attributes = catalogue_attributes(EDGES, IDS)
    items = np.array([0, 1, 2, 0, 5, 7, 0])
    named = np.array([1, 0, 0, -1, 5, 8, 0])
    shared = attributes.in_common(items, named)
    assert shared.to_list() == ["artist", "artist", "publisher", None, None, None, None]
    assert catalogue_attributes(EDGES.clear(), IDS).in_common(items, named).null_count() == len(items)


def test_reasons_that_name_an_item_say_what_it_has_in_common() -> None:
    codes = np.array(["because", "similar", "because", "popular", "taste"])
    relations = pl.Series(["developer", "artist", None, "developer", "developer"])
    sentences = sentences_of(
        codes,
        np.array([0, 1, 1, -1, -1]),
        pl.Series(["Portal", "Braid"]),
        {"because": "because of {title}"},
        relations=relations,
    )
    assert sentences.to_list() == [
        "same developer as Portal, which you liked",
        "same artist as Braid, which you liked",
        "because of Braid",
        "popular now",
        "fits what you liked so far",
    ]
