"""Values of users: slices of users are made of everybody's, and tall and wide tables say the same."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsat.measure.user_values import UserValues

NAN = float("nan")
USERS = pl.Series("user_id", ["zoe", "ann", "bob"])


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


STORED = {
    ("a", "all", "ndcg@5"): column(0.5, NAN, 0.25),
    ("b", "all", "ndcg@5"): column(NAN, NAN, 1.0),
    ("a", "head items", "ndcg@5"): column(0.125, NAN, NAN),
    ("a", "all", "coverage@5"): column(3.0, 4.0, 5.0),
}
COLD = {"cold users": np.array([[True], [True], [False]])}
KEYS = [*STORED, ("a", "cold users", "ndcg@5"), ("b", "cold users", "ndcg@5")]
VALUES = UserValues(USERS, 1, STORED, COLD, KEYS)


def test_a_slice_of_users_is_everybody_without_the_others() -> None:
    assert VALUES["a", "cold users", "ndcg@5"][:, 0].tolist() == pytest.approx([0.5, NAN, NAN], nan_ok=True)
    assert np.isnan(VALUES["b", "cold users", "ndcg@5"]).all()
    assert list(VALUES) == KEYS
    assert VALUES.slices == ["all", "head items", "cold users"]
    with pytest.raises(KeyError):
        VALUES["a", "warm users", "ndcg@5"]


def test_whoever_has_no_value_is_not_judged() -> None:
    assert VALUES.judged.to_list() == ["bob", "zoe"]  # what the whole catalogue has is nobody's own


def test_values_by_arm_are_of_sorted_users_and_leave_out_arms_without_any() -> None:
    users, by_arm = VALUES.by_arm("ndcg@5")
    assert users.to_list() == ["bob", "zoe"]
    assert {arm: values[:, 0].tolist() for arm, values in by_arm.items()} == {
        "a": [0.25, 0.5],
        "b": pytest.approx([1.0, NAN], nan_ok=True),
    }
    assert list(VALUES.by_arm("ndcg@5", part="cold users")[1]) == ["a"]


def test_a_row_for_each_value() -> None:
    assert VALUES.table().rows() == [
        ("a", "all", "ndcg@5", 1, "zoe", 0.5),
        ("a", "all", "ndcg@5", 1, "bob", 0.25),
        ("b", "all", "ndcg@5", 1, "bob", 1.0),
        ("a", "head items", "ndcg@5", 1, "zoe", 0.125),
        ("a", "cold users", "ndcg@5", 1, "zoe", 0.5),
    ]


def test_tall_rows_are_read_as_what_they_are() -> None:
    again = UserValues.of_table(VALUES.table())
    assert set(again.table().rows()) == set(VALUES.table().rows())
    assert again.table().height == VALUES.table().height
    assert again.by_arm("ndcg@5", part="cold users")[1].keys() == {"a"}


def test_a_row_for_each_arm_and_user_and_back() -> None:
    arms = list(VALUES.wide())
    assert [table.columns for table in arms] == 2 * [
        ["arm", "draw", "user_id", "ndcg@5", "ndcg@5 of head items", "in cold users"]
    ]
    assert arms[0].rows() == [
        ("a", 1, "zoe", 0.5, 0.125, True),
        ("a", 1, "ann", None, None, True),
        ("a", 1, "bob", 0.25, None, False),
    ]
    again = UserValues.of_wide(pl.concat(arms))
    assert again.users.to_list() == USERS.to_list()
    assert set(again.table().rows()) == set(VALUES.table().rows())
    assert ("b", "cold users", "ndcg@5") not in again  # nobody there has a value


def test_draws_have_columns_and_rows_of_their_own() -> None:
    two = UserValues(
        USERS, 2, {("a", "all", "ild@5"): np.array([[0.1, NAN], [NAN, 0.2], [0.3, 0.4]])}, {"cold users": np.array([[True, False]] * 3)},
        [("a", "all", "ild@5"), ("a", "cold users", "ild@5")],
    )  # fmt: skip
    assert np.isnan(two["a", "cold users", "ild@5"][:, 1]).all()
    again = UserValues.of_wide(pl.concat(two.wide()))
    assert again.n_draws == 2
    assert set(again.table().rows()) == set(two.table().rows())
    _, by_arm = two.by_arm("ild@5")
    assert by_arm["a"].tolist() == [
        [pytest.approx(NAN, nan_ok=True), 0.2],
        [0.3, 0.4],
        [0.1, pytest.approx(NAN, nan_ok=True)],
    ]
