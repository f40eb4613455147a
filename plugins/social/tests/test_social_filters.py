"""Who may be shown to whom, worked by hand on the network of ``network/``.

Follows: ann → bob, bob → ann, bob → cem, cem → dia, dia → eli, fay → gus. Bob blocked cem; dia opted out; eli, who has an
empty cell there, fay, gus and hal, who are in no user table, never said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsat import Dataset, FilterContext
from recsat.testing.check_filters import kept_items
from recsat_social.config import SocialConfig
from recsat_social.domain import SOCIAL, load
from recsat_social.filters import FILTERS
from recsat_social.network import are_strangers, known_network, within
from recsat_social.people import follow_events
from recsat_social.sample import simulate

NETWORK = Path(__file__).with_name("network")
BY_NAME = {rule.name: rule for rule in FILTERS}
EVERYBODY = ["ann", "bob", "cem", "dia", "eli", "fay", "gus", "hal"]


def context(**settings: Any) -> FilterContext:
    config = SocialConfig(folder=str(NETWORK), layout="tables")
    data = load(config)
    case_config = config.model_copy(update=settings)
    return FilterContext(known=data, config=case_config, now=datetime(2024, 2, 1, tzinfo=UTC))


def pairs(name: str, users: list[str], filter_context: FilterContext) -> dict[str, set[str]]:
    rule = BY_NAME[name]
    part = rule.exclude or rule.allow
    assert part is not None
    rows = part(pl.Series("user_id", users), filter_context)
    assert rows["item_id"].str.starts_with("user:").all()
    return {user: set(rows.filter(pl.col("user_id") == user)["item_id"].str.strip_prefix("user:")) for user in users}


def test_nobody_is_recommended_to_themselves_and_the_rule_always_runs() -> None:
    assert pairs("not_self", EVERYBODY, context()) == {user: {user} for user in EVERYBODY}
    assert [rule.name for rule in FILTERS if rule.always] == ["not_self", "not_blocked", "privacy"]


def test_a_block_holds_both_ways() -> None:
    blocked = pairs("not_blocked", ["ann", "bob", "cem"], context())
    assert blocked == {"ann": set(), "bob": {"cem"}, "cem": {"bob"}}


def test_a_block_holds_where_the_one_who_blocked_is_an_item_of_the_run_and_no_user() -> None:
    filter_context = context()
    without_bob = replace(filter_context.known, users=filter_context.known.users.filter(pl.col("user_id") != "bob"))
    assert pairs("not_blocked", ["cem"], replace(filter_context, known=without_bob)) == {"cem": {"bob"}}


def test_who_opted_out_or_never_said_is_shown_to_nobody() -> None:
    filter_context = context()
    people = {
        item.removeprefix("user:") for item in kept_items(SOCIAL, "privacy", filter_context) if item.startswith("user:")
    }
    assert people == {"ann", "bob", "cem"}
    rule = BY_NAME["privacy"].rule
    assert rule is not None
    bound = rule.bind(filter_context)
    assert bound is not None
    assert bound.where() == {"must": [{"key": "opted_out", "match": {"value": False}}]}


@pytest.mark.parametrize(
    ("friendship", "expected"),
    [
        ("follow", {"ann": {"bob"}, "bob": {"ann", "cem"}, "cem": {"dia"}, "dia": {"eli"}, "hal": set()}),
        ("mutual", {"ann": {"bob"}, "bob": {"ann", "cem"}, "cem": {"bob", "dia"}, "dia": {"cem", "eli"}, "hal": set()}),
    ],
)
def test_friends_are_not_suggested_again(friendship: str, expected: dict[str, set[str]]) -> None:
    assert pairs("not_yet_friends", list(expected), context(friendship=friendship)) == expected


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (1, {"ann": {"bob"}, "cem": {"bob", "dia"}, "fay": {"gus"}, "hal": set()}),
        (2, {"ann": {"bob", "cem"}, "cem": {"ann", "bob", "dia", "eli"}, "fay": {"gus"}, "hal": set()}),
        (4, {"ann": {"bob", "cem", "dia", "eli"}, "cem": {"ann", "bob", "dia", "eli"}, "fay": {"gus"}, "hal": set()}),
    ],
)
def test_the_same_network_ends_at_the_chosen_distance(distance: int, expected: dict[str, set[str]]) -> None:
    assert pairs("same_network", list(expected), context(max_distance=distance)) == expected


@pytest.mark.parametrize("name", ["not_yet_friends", "same_network"])
def test_held_out_friendships_stay_hidden_although_ties_have_them(name: str) -> None:
    filter_context = context(max_distance=1)
    before = filter_context.known.events.filter((pl.col("user_id") != "cem") | (pl.col("event") != "follow"))
    excluded = pairs(name, ["cem"], replace(filter_context, known=replace(filter_context.known, events=before)))
    assert "dia" not in excluded["cem"]
    assert filter_context.known.ties is not None
    assert filter_context.known.ties.filter((pl.col("user_id") == "cem") & (pl.col("other_id") == "dia")).height == 1


def random_network(seed: int, n: int = 40, ties: int = 45) -> tuple[pl.DataFrame, dict[str, set[str]]]:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, n, ties), rng.integers(0, n, ties)
    table = pl.DataFrame({"user_id": one.astype(str), "other_id": other.astype(str)}).with_columns(
        timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    )
    friends: dict[str, set[str]] = {str(person): set() for person in range(n)}
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        if a != b:
            friends[str(a)].add(str(b))
            friends[str(b)].add(str(a))
    return follow_events(table), friends


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("distance", [1, 2, 3])
def test_distances_agree_with_a_walk_from_person_to_person(seed: int, distance: int) -> None:
    events, friends = random_network(seed)
    pairs_within = within(known_network(events), pl.Series("user_id", list(friends)), distance)
    for person in friends:
        reached, frontier = {person}, {person}
        for _ in range(distance):
            frontier = set().union(*(friends[one] for one in frontier)) - reached
            reached |= frontier
        assert set(pairs_within.filter(pl.col("user_id") == person)["other_id"]) == reached - {person}


@pytest.mark.parametrize("seed", range(3))
def test_strangers_are_more_than_two_ties_apart(seed: int) -> None:
    events, friends = random_network(seed)
    everybody = list(friends)
    ones = [one for one in everybody for _ in everybody]
    others = everybody * len(everybody)
    are_apart = are_strangers(known_network(events), pl.Series(ones), pl.Series(others))
    for one, other, is_stranger in zip(ones, others, are_apart.tolist(), strict=True):
        if one != other:
            assert is_stranger == (other not in friends[one] and not friends[one] & friends[other]), (one, other)


def test_the_logging_policy_of_the_sample_never_showed_who_must_not_be_shown() -> None:
    world = simulate(80, 40, 3)
    data: Dataset = world.data
    assert data.exposures is not None
    filter_context = FilterContext(known=data, config=SocialConfig(), now=datetime(2024, 2, 1, tzinfo=UTC))
    pairs_shown = (
        data.exposures.filter(pl.col("item_id").str.starts_with("user:")).select("user_id", "item_id").unique()
    )
    for name in ("not_self", "not_blocked"):
        exclude = BY_NAME[name].exclude
        assert exclude is not None
        banned = exclude(data.users["user_id"], filter_context)
        assert banned.height >= 80
        assert pairs_shown.join(banned, on=["user_id", "item_id"], how="semi").is_empty()
    out = data.items.filter("opted_out")["item_id"]
    assert len(out) > 0
    assert not pairs_shown["item_id"].is_in(out.implode()).any()
