"""What was returned is taken out of the purchases that it undoes."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsat_ecommerce.returns import net_out


def _lines(*quantities: int) -> pl.DataFrame:
    n = len(quantities)
    return pl.DataFrame(
        {"customer_id": ["a"] * n, "stock_code": ["x"] * n, "time": range(n), "quantity": quantities},
        schema={"customer_id": pl.String, "stock_code": pl.String, "time": pl.Int64, "quantity": pl.Int64},
    )


@pytest.mark.parametrize(
    ("quantities", "expected", "excess"),
    [
        ([5], [5], 0),
        ([5, -2], [3, 0], 0),
        ([5, -5], [0, 0], 0),
        ([5, -7], [0, 0], 2),  # two came from a purchase before the data
        ([-4, 5], [0, 5], 4),  # what comes back first cannot be what is bought later
        ([5, 4, -6, 2], [3, 0, 0, 2], 0),  # the latest purchase first, never a later one
        ([5, -5, 5], [0, 0, 5], 0),
        (
            [3, 3, -2, 3, -4],
            [3, 0, 0, 0, 0],
            0,
        ),  # 4 back: 3 of the third, 1 of the second, whose other 2 are back already
        ([6, -1, -1, 2, -3], [3, 0, 0, 0, 0], 0),
    ],
)
def test_returns_undo_the_latest_purchases_before_them(quantities: list[int], expected: list[int], excess: int) -> None:
    netted = net_out(_lines(*quantities))
    assert netted["kept"].to_list() == expected
    assert netted["excess"].unique().to_list() == [excess]


def test_a_return_touches_no_other_customer_and_no_other_product() -> None:
    lines = pl.DataFrame(
        {
            "customer_id": ["a", "b", "a", "a"],
            "stock_code": ["x", "x", "y", "x"],
            "time": [1, 1, 1, 2],
            "quantity": [3, 3, 3, -3],
        }
    )
    assert net_out(lines)["kept"].to_list() == [0, 3, 3, 0]


def test_at_one_moment_the_purchase_comes_first() -> None:
    lines = _lines(-2, 2).with_columns(time=pl.lit(0))
    assert net_out(lines).sort("quantity")["kept"].to_list() == [0, 0]


events = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(-6, 6).filter(bool))


@given(st.lists(events, max_size=30))
def test_netting_is_what_a_stack_of_units_does(history: list[tuple[str, str, int]]) -> None:
    lines = pl.DataFrame(
        [(c, s, t, q) for t, (c, s, q) in enumerate(history)],
        schema={"customer_id": pl.String, "stock_code": pl.String, "time": pl.Int64, "quantity": pl.Int64},
        orient="row",
    )
    stacks: dict[tuple[str, str], list[int]] = {}
    excess: dict[tuple[str, str], int] = {}
    for t, (c, s, q) in enumerate(history):
        stack = stacks.setdefault((c, s), [])
        stack.extend([t] * q)
        for _ in range(-q):
            if stack:
                stack.pop()
            else:
                excess[c, s] = excess.get((c, s), 0) + 1
    netted = net_out(lines)
    assert netted["time"].to_list() == list(range(len(history)))
    for c, s, t, n_kept, over in netted.select("customer_id", "stock_code", "time", "kept", "excess").iter_rows():
        assert n_kept == stacks[c, s].count(t)
        assert over == excess.get((c, s), 0)
