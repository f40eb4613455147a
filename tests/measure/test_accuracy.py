from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.errors import DataError
from recsat.measure import accuracy as acc

Measure = Callable[..., pl.DataFrame]
NAMES: dict[str, Measure] = {
    "precision": acc.precision,
    "recall": acc.recall,
    "ndcg": acc.ndcg,
    "map": acc.average_precision,
    "mrr": acc.reciprocal_rank,
    "hit": acc.hit_rate,
}
L2, L3, L4 = 1.0, 1 / math.log2(3), 1 / math.log2(4)


def lists_of(**lists: str) -> pl.DataFrame:
    rows = [(user, item, i + 1) for user, items in lists.items() for i, item in enumerate(items)]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}, orient="row")


def pairs_of(**items: str) -> pl.DataFrame:
    rows = [(user, item) for user, item_ids in items.items() for item in item_ids]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")


@pytest.mark.parametrize(
    ("listed", "liked", "expected"),
    [
        # list, R, then precision, recall, nDCG, AP, RR, hit at 3, worked by hand
        ("abc", "abc", (1, 1, 1, 1, 1, 1)),
        ("abc", "xyz", (0, 0, 0, 0, 0, 0)),
        ("abc", "a", (1 / 3, 1, 1, 1, 1, 1)),
        ("abc", "c", (1 / 3, 1, L4, 1 / 3, 1 / 3, 1)),
        ("abc", "bc", (2 / 3, 1, (L3 + L4) / (L2 + L3), (1 / 2 + 2 / 3) / 2, 1 / 2, 1)),
        ("abc", "axyz", (1 / 3, 1 / 4, L2 / (L2 + L3 + L4), 1 / 3, 1, 1)),
        ("ab", "ab", (2 / 3, 1, 1, 1, 1, 1)),  # a short list: the empty place is a miss
        ("", "a", (0, 0, 0, 0, 0, 0)),
        ("abcd", "d", (0, 0, 0, 0, 0, 0)),  # a hit below k does not count
        ("abc", "abcde", (1, 3 / 5, 1, 1, 1, 1)),  # AP and nDCG are normalised by min(|R|, k)
    ],
)
def test_measures_agree_with_tables_worked_by_hand(listed: str, liked: str, expected: tuple[float, ...]) -> None:
    lists, relevant = lists_of(u=listed, v="a"), pairs_of(u=liked, v="a")
    for measure, value in zip(NAMES.values(), expected, strict=True):
        table = measure(lists, relevant, pl.Series(["v", "u"]), k=3)
        assert table["user_id"].to_list() == ["v", "u"]
        assert table["value"][1] == pytest.approx(value, abs=1e-12)


def test_a_relevant_pair_that_comes_twice_counts_once() -> None:
    relevant = pairs_of(u="aab")
    assert acc.recall(lists_of(u="ac"), relevant, pl.Series(["u"]), k=2)["value"].to_list() == [0.5]


def test_lists_and_likes_of_others_do_not_count() -> None:
    lists, relevant = lists_of(u="ab", w="cd"), pairs_of(u="c", w="ab")
    assert acc.hit_rate(lists, relevant, pl.Series(["u"]), k=2)["value"].to_list() == [0.0]


@pytest.mark.parametrize(
    ("lists", "users", "message"),
    [
        (lists_of(u="ab"), ["u", "u"], "comes twice"),
        (lists_of(u="ab"), ["u", "v"], "'v' has no relevant item"),
        (lists_of(u="aa"), ["u"], "item_id 'a' twice"),
        (lists_of(u="aba"), ["u"], "item_id 'a' twice"),
        (pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "rank": [1, 1]}), ["u"], "rank 1 twice"),
        (pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "rank": [0]}), ["u"], "below 1"),
        (
            pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "rank": pl.Series([None], dtype=pl.Int64)}),
            ["u"],
            "missing",
        ),
    ],
)
def test_tables_that_would_give_wrong_numbers_are_refused(lists: pl.DataFrame, users: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        acc.ndcg(lists, pairs_of(u="a"), pl.Series(users), k=3)


def random_tables(seed: int, n_users: int, n_items: int, k: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    dice = np.random.default_rng(seed)
    names = [f"u{i}" for i in range(n_users)]
    lists = pl.concat(
        pl.DataFrame(
            {
                "user_id": [name] * k,
                "item_id": [f"i{j}" for j in dice.permutation(n_items)[:k]],
                "rank": range(1, k + 1),
            }
        )
        for name in names
    )
    relevant = pl.concat(
        pl.DataFrame(
            {"user_id": name, "item_id": [f"i{j}" for j in dice.permutation(n_items)[: dice.integers(1, 2 * k)]]}
        )
        for name in names
    )
    return lists, relevant, pl.Series(names)


def test_agreement_with_ranx_on_random_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)  # compiling ranx takes a minute, interpreting it a second
    from ranx import Qrels, Run, evaluate

    k = 5
    lists, relevant, users = random_tables(3, 60, 40, k)
    qrels = Qrels(
        {u: dict.fromkeys(rows["item_id"], 1) for (u,), rows in relevant.partition_by("user_id", as_dict=True).items()}
    )
    run = Run(
        {
            u: dict(zip(rows["item_id"], (1.0 / rows["rank"]).to_list(), strict=True))
            for (u,), rows in lists.partition_by("user_id", as_dict=True).items()
        }
    )
    keys = {"precision": "precision", "recall": "recall", "ndcg": "ndcg", "map": "map", "mrr": "mrr", "hit": "hit_rate"}
    evaluate(qrels, run, [f"{theirs}@{k}" for theirs in keys.values()], make_comparable=True)
    n_relevant = dict(relevant.group_by("user_id").len().iter_rows())
    for name, theirs in keys.items():
        ours = dict(NAMES[name](lists, relevant, users, k=k).iter_rows())
        for user, value in run.scores[f"{theirs}@{k}"].items():
            size = n_relevant[user]
            scale = min(size, k) / size if name == "map" else 1.0  # ranx divides AP by |R|
            assert ours[user] * scale == pytest.approx(value, abs=1e-9), (name, user)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 6))
def test_values_stay_in_bounds_and_a_hit_moved_up_never_hurts(seed: int, k: int) -> None:
    lists, relevant, users = random_tables(seed, 8, 12, 6)
    hits = acc.find_hits(lists, relevant, users, k=k)
    ideal = acc.Hits(hits.users, -np.sort(-hits.at.astype(int), axis=1) > 0, hits.n_relevant)
    for measure in acc.ACCURACY.values():
        values = measure(hits)
        assert ((values >= 0) & (values <= 1)).all()
        assert (measure(ideal) >= values - 1e-12).all()


def test_one_join_serves_every_measure() -> None:
    lists, relevant, users = random_tables(1, 20, 15, 4)
    hits = acc.find_hits(lists, relevant, users, k=4)
    for name, alone in NAMES.items():
        assert np.allclose(acc.ACCURACY[name](hits), alone(lists, relevant, users, k=4)["value"].to_numpy())


def by_sets(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The hits and the number of relevant items, one pair after the other."""
    liked = {user: {item for owner, item in relevant.rows() if owner == user} for user in users}
    at = np.zeros((len(users), k), dtype=bool)
    for row, user in enumerate(users):
        for owner, item, rank in lists.rows():
            if owner == user and rank <= k:
                at[row, rank - 1] = item in liked[user]
    return at, np.array([len(liked[user]) for user in users])


@pytest.mark.parametrize("collide", [False, True])
def test_hits_are_those_of_sets_also_where_hashes_collide(monkeypatch: pytest.MonkeyPatch, collide: bool) -> None:
    lists, relevant, users = random_tables(2, 30, 12, 6)
    lists = lists.sample(fraction=0.8, shuffle=True, seed=1)  # short lists, users in no order
    relevant = pl.concat([relevant, relevant.head(20)]).sample(fraction=1, shuffle=True, seed=2)
    if collide:
        monkeypatch.setattr(acc._Pairs, "hashes", property(lambda pairs: np.zeros(len(pairs.rows), dtype=np.uint64)))
    judged = users.sample(20, seed=3)
    hits = acc.find_hits(lists, relevant, judged, k=4)
    at, n_relevant = by_sets(lists, relevant, judged, 4)
    assert 0 < at.sum() < at.size
    np.testing.assert_array_equal(hits.at, at)
    np.testing.assert_array_equal(hits.n_relevant, n_relevant)


def test_average_precision_is_the_mean_of_the_precisions_at_hits() -> None:
    at = np.random.default_rng(0).random((50, 7)) < 0.4
    at[3] = False
    hits = acc.Hits(pl.Series([str(i) for i in range(50)]), at, np.full(50, 9))
    by_place = (at * np.cumsum(at, axis=1) / np.arange(1, 8)).sum(axis=1) / 7
    np.testing.assert_allclose(acc.average_precision_of(hits), by_place, rtol=1e-12)
