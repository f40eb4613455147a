"""Rules of other libraries: equal to ranx itself, and to values worked by hand from the documentation of the others."""

from __future__ import annotations

import doctest
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.errors import ConfigError, DataError
from recsat.measure import conventions
from recsat.measure.conventions import CONVENTIONS, convention_of, score_lists

RANX_NAMES = {
    "ndcg": "ndcg",
    "precision": "precision",
    "recall": "recall",
    "map": "map",
    "mrr": "mrr",
    "hit": "hit_rate",
}
D2, D3 = 1 / math.log2(3), 1 / math.log2(4)


def lists_of(**lists: str) -> pl.DataFrame:
    rows = [(user, item, i + 1) for user, items in lists.items() for i, item in enumerate(items)]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}, orient="row")


def pairs_of(**items: str) -> pl.DataFrame:
    rows = [(user, item) for user, item_ids in items.items() for item in item_ids]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")


def values(name: str, listed: str, liked: str, k: int) -> dict[str, float]:
    return score_lists(lists_of(u=listed), pairs_of(u=liked), CONVENTIONS[name], k=k).row(0, named=True)


def test_worked_examples_hold() -> None:
    counts = doctest.testmod(conventions)
    assert counts.attempted > 0
    assert counts.failed == 0


@settings(max_examples=40, deadline=None)
@given(
    lists=st.lists(st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=12), min_size=1, max_size=5),
    liked=st.lists(st.sets(st.sampled_from("abcdefghijkl"), min_size=1), min_size=5, max_size=5),
    k=st.integers(1, 13),
)
def test_ranx_is_met_to_the_last_digits(lists: list[list[str]], liked: list[set[str]], k: int) -> None:
    """Short and empty lists, k beyond the items, and more relevant items than places included."""
    import numba

    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True  # compiling ranx takes a minute
    try:
        from ranx import Qrels, Run, evaluate

        served = {f"u{i}": "".join(items) for i, items in enumerate(lists)} | {"u9": "a"}
        truth = {f"u{i}": "".join(sorted(items)) for i, items in enumerate(liked[: len(lists)])} | {"u9": "b"}
        run = Run(
            {user: {item: 1.0 / (i + 1) for i, item in enumerate(items)} for user, items in served.items() if items}
        )
        qrels = Qrels({user: dict.fromkeys(items, 1) for user, items in truth.items()})
        evaluate(qrels, run, [f"{name}@{k}" for name in RANX_NAMES.values()], make_comparable=True)
        ours = score_lists(lists_of(**served), pairs_of(**truth), CONVENTIONS["ranx"], k=k)
        for row in ours.iter_rows(named=True):
            for key, name in RANX_NAMES.items():
                assert abs(row[key] - run.scores[f"{name}@{k}"][row["user_id"]]) <= 1e-12, (key, row)
    finally:
        numba.config.DISABLE_JIT = before


@pytest.mark.parametrize(
    ("name", "listed", "liked", "k", "expected"),
    [
        # One hit, on the second of three places, of one relevant item.
        ("recsat", "xay", "a", 3, {"ndcg": D2, "map": 1 / 2}),
        ("recbole", "xay", "a", 3, {"ndcg": D2, "map": 1 / 2}),  # ideal and divisor: min(|R|, k)
        ("rectools", "xay", "a", 3, {"ndcg": D2 / (1 + D2 + D3), "map": 1 / 2}),  # the ideal fills k places; AP over |R|
        ("elliot", "xay", "a", 3, {"ndcg": D2, "map": (0 + 1 / 2 + 1 / 3) / 3}),  # mean of P@1, P@2, P@3
        # Hits on places 1 and 2 of two, of four relevant items.
        ("recsat", "ab", "abcd", 2, {"ndcg": 1.0, "map": 1.0, "recall": 1 / 2}),
        ("recbole", "ab", "abcd", 2, {"ndcg": 1.0, "map": 1.0, "recall": 1 / 2}),
        ("rectools", "ab", "abcd", 2, {"ndcg": 1.0, "map": 2 / 4, "recall": 1 / 2}),
        ("elliot", "ab", "abcd", 2, {"ndcg": 1.0, "map": 1.0, "recall": 1 / 2}),
        # The documentation of RecTools: user 3 lists 1, 2, 3, 4 and likes 1, 3, 4; k = 3.
        ("rectools", "1234", "134", 3, {"ndcg": 0.70391809, "map": 0.55555556}),
        ("rectools", "12", "1", 3, {"ndcg": 0.46927873, "map": 1.0}),
        ("rectools", "1234", "134", 1, {"ndcg": 1.0, "map": 0.33333333}),
        # A short list: its empty places are misses everywhere.
        *[(name, "a", "a", 4, {"precision": 1 / 4, "recall": 1.0, "mrr": 1.0, "hit": 1.0}) for name in CONVENTIONS],
        *[(name, "xyza", "a", 3, {"mrr": 0.0, "hit": 0.0, "precision": 0.0}) for name in CONVENTIONS],
    ],
)  # fmt: skip
def test_values_worked_by_hand(name: str, listed: str, liked: str, k: int, expected: dict[str, float]) -> None:
    row = values(name, listed, liked, k)
    assert {key: row[key] for key in expected} == pytest.approx(expected, abs=1e-8)


def test_elliot_leaves_users_without_a_list_out_and_the_others_count_them_as_misses() -> None:
    lists, truth = lists_of(u="a", stranger="a"), pairs_of(u="a", v="b")
    for name, convention in CONVENTIONS.items():
        scores = score_lists(lists, truth, convention, k=2)
        assert scores["user_id"].to_list() == (["u"] if name == "elliot" else ["u", "v"])
        assert scores["hit"].mean() == (1.0 if name == "elliot" else 0.5)


def test_how_far_the_conventions_are_apart_on_one_data_set() -> None:
    """400 users of 1 to 25 relevant items among 200, lists of 10 with more hits at the top: the figures of the reference page."""
    rng = np.random.default_rng(0)
    n_users, n_items, k = 400, 200, 10
    relevant = rng.random((n_users, n_items)).argsort(axis=1)
    sizes = np.minimum(rng.geometric(0.2, n_users), 25)
    liked = np.zeros((n_users, n_items), dtype=bool)
    for user, size in enumerate(sizes):
        liked[user, relevant[user, :size]] = True
    best = np.argsort(-(liked * 1.0 + rng.gumbel(size=liked.shape) * 0.5), axis=1)[:, :k]
    lists = pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in np.repeat(np.arange(n_users), k)],
            "item_id": [f"i{item}" for item in best.ravel()],
            "rank": np.tile(np.arange(1, k + 1), n_users),
        }
    )
    user, item = np.nonzero(liked)
    truth = pl.DataFrame({"user_id": [f"u{u}" for u in user], "item_id": [f"i{i}" for i in item]})
    means = {
        name: score_lists(lists, truth, convention, k=k).drop("user_id").mean().row(0, named=True)
        for name, convention in CONVENTIONS.items()
    }
    assert means["recbole"] == means["recsat"]
    for same in ("precision", "recall", "mrr", "hit"):
        assert len({m[same] for m in means.values()}) == 1
    relative = {(name, key): means[name][key] / means["recsat"][key] for name in means for key in ("ndcg", "map")}
    assert {key: round(value, 3) for key, value in relative.items() if value != 1} == {
        ("ranx", "map"): 0.951,
        ("rectools", "ndcg"): 0.634,
        ("rectools", "map"): 0.951,
        ("elliot", "map"): 1.223,
    }


def test_an_unknown_convention_names_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"^No convention is called 'RecTool'\. Did you mean 'rectools'\? There are recsat, ranx"
    ):
        convention_of("RecTool")


def test_lists_of_other_users_alone_cannot_be_scored() -> None:
    with pytest.raises(DataError, match="none of the 1 users of the truth has a list"):
        score_lists(lists_of(u1="a"), pairs_of(u2="a"), CONVENTIONS["recsat"], k=3)
