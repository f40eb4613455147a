"""Which arms are compared: by the validation part alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from recsat.contract.domain import Reads
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.leaders import leaders_of
from recsat.measure.user_values import UserValues

READS: Mapping[str, Reads] = {
    "popularity": "nothing",
    "ease": "nothing",
    "text-words": "words",
    "text": "language model",
    "order": "language model",
}


def split(arms: Mapping[str, float]) -> EvaluatedSplit:
    users = pl.Series(["ann", "bob"])
    values = {(arm, "all", "ndcg@5"): np.full((2, 1), value) for arm, value in arms.items()}
    return EvaluatedSplit("s", 5, UserValues(users, 1, values, {}, list(values)), [], [], [])


def test_each_leads_by_validation_whatever_the_test_part_says() -> None:
    ndcg = {"popularity": 0.3, "ease": 0.2, "text-words": 0.4, "text": 0.35}
    leaders = leaders_of(split({"popularity": 0.1, "ease": 0.9, "text-words": 0.1, "text": 0.9}), ndcg, READS, "ease")
    assert (leaders.model, leaders.without_model, leaders.nothing) == ("text", "text-words", "popularity")
    assert (leaders.has_twin, leaders.model_leads, leaders.lack) == (True, False, "")
    assert leaders.pair == ("text", "text-words")


def test_an_arm_without_a_twin_leads_only_where_none_has_one() -> None:
    ndcg = {"ease": 0.2, "text-words": 0.3, "text": 0.35, "order": 0.9}
    everything = split(dict.fromkeys(ndcg, 0.1))
    assert leaders_of(everything, ndcg, READS, "ease").pair == ("text", "text-words")
    alone = leaders_of(everything, {arm: at for arm, at in ndcg.items() if arm != "text-words"}, READS, "ease")
    assert (alone.pair, alone.has_twin, alone.model_leads) == (("order", "ease"), False, True)


def test_an_arm_without_a_value_is_no_leader() -> None:
    ndcg = {"ease": 0.2, "text-words": 0.3, "text": 0.35, "order": 0.9}
    some = split({"ease": 0.1, "text-words": np.nan, "text": 0.1})
    assert leaders_of(some, ndcg, READS, "ease").pair == ("text", "ease")


@pytest.mark.parametrize(
    ("arms", "lack"),
    [
        ([], "Nothing was measured on s: no served user has a relevant item."),
        (["ease"], "Not measured on s: no arm with a language model has lists there."),
        (["text"], "Not measured on s: every arm there has a language model, so there is nothing to compare."),
    ],
)
def test_where_a_side_is_empty_that_is_said(arms: list[str], lack: str) -> None:
    leaders = leaders_of(split(dict.fromkeys(arms, 0.1)), dict.fromkeys(arms, 0.1), READS, "ease")
    assert leaders.lack == lack
