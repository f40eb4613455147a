"""Sample users tell how arms differ: one of each slice in turn, with hits, and the same ones for the same seed."""

from __future__ import annotations

import polars as pl
import pytest

from recsat.contract.domain import Domain
from recsat.measure.evidence import Evidence
from recsat.plugins import load_plugins
from recsat.result.model import SampleUser
from recsat.stages.trial.samples import sample_users

N_USERS = 40
USERS = [f"u{i:02d}" for i in range(N_USERS)]
DIFFERING = {"u03", "u08", "u33", "u38"}
"""Of these one arm alone has a hit; of every other user that is a multiple of 10, both."""


@pytest.fixture(scope="module")
def domain() -> Domain:
    return load_plugins(["content"]).domain("content")


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Users of even number liked one item before, the others eight; all go on to like item a (head) or z (cold)."""
    known = [(user, f"k{j}") for i, user in enumerate(USERS) for j in range(1 if i % 2 == 0 else 8)]
    known += [(user, "a") for user in USERS]
    likes = pl.DataFrame(known, schema=["user_id", "item_id"], orient="row")
    relevant = [(user, "a" if i < N_USERS // 2 else "z") for i, user in enumerate(USERS)]
    items = ["a", "z", *(f"k{j}" for j in range(8))]
    return Evidence(
        split="s",
        users=pl.Series(USERS),
        relevant=pl.DataFrame(relevant, schema=["user_id", "item_id"], orient="row"),
        known_likes=likes,
        history=likes.with_columns(event=pl.lit("rating"), value=pl.lit(5.0), timestamp=pl.lit(None, pl.Datetime)),
        outcomes=likes.clear(),
        items=pl.DataFrame({"item_id": items, "title": items}),
    )


def lists(hit: set[str]) -> pl.DataFrame:
    """One item each: what the user went on to like for those in ``hit``, else something else."""
    rows = [(user, ("a" if i < N_USERS // 2 else "z") if user in hit else "k0", 1) for i, user in enumerate(USERS)]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rank"], orient="row")


def sample(domain: Domain, evidence: Evidence, n_users: int, seed: int = 1) -> list[SampleUser]:
    both = {user for i, user in enumerate(USERS) if i % 10 == 0}
    by_arm = {"ease": lists(both | DIFFERING), "text": lists(both)}
    return sample_users(domain, evidence, by_arm, n_users, seed)


def test_one_of_each_slice_comes_first_and_users_are_never_more_than_asked_for(
    domain: Domain, evidence: Evidence
) -> None:
    users = sample(domain, evidence, 4)
    assert [user.slice for user in users] == ["cold users", "warm users", "head items", "cold items"]
    assert len({user.user_id for user in users}) == 4
    assert [len(sample(domain, evidence, n)) for n in (0, 1, 9, 99)] == [0, 1, 9, N_USERS]


def test_users_belong_to_their_slice(domain: Domain, evidence: Evidence) -> None:
    for user in sample(domain, evidence, N_USERS):
        number = int(user.user_id[1:])
        belongs = {
            "cold users": number % 2 == 0,
            "warm users": number % 2 == 1,
            "head items": number < N_USERS // 2,
            "cold items": number >= N_USERS // 2,
        }
        assert belongs[user.slice]


def test_those_whose_arms_differ_come_first_then_those_with_a_hit(domain: Domain, evidence: Evidence) -> None:
    hits = [
        {sum(item.hit for item in items) for items in user.lists.values()}
        for user in sample(domain, evidence, N_USERS)
        if user.slice == "cold users"
    ]
    kinds = [2 if len(n) > 1 else 1 if n == {1} else 0 for n in hits]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {0, 1, 2}


def test_the_seed_decides_among_equals(domain: Domain, evidence: Evidence) -> None:
    draws = {tuple(user.user_id for user in sample(domain, evidence, 4, seed)) for seed in range(12)}
    assert len(draws) > 1
    assert sample(domain, evidence, 9, 3) == sample(domain, evidence, 9, 3)


def test_without_slices_users_come_from_all(domain: Domain, evidence: Evidence) -> None:
    from dataclasses import replace

    alike = evidence.known_likes.filter(pl.col("item_id") == "a")
    only = replace(evidence, known_likes=alike, candidates=pl.Series(["a"]))
    users = sample(domain, only, 3)
    assert [user.slice for user in users] == [""] * 3
    assert all(user.user_id in DIFFERING for user in users)
