"""Which filters a run has: those that its config names, and those that always run."""

from __future__ import annotations

import dataclasses

import pytest

from recsat import CandidateFilter, ConfigError, Domain
from recsat.plugins import faults, load_plugins

ALL = CandidateFilter(name="all_pass", description="Keeps all.", keep=lambda items, context: items["kept"])
DOMAIN = Domain(
    name="people",
    description="People.",
    config=load_plugins(["content"]).domain("content").config,
    load=lambda config: None,  # type: ignore[arg-type,return-value]
    describe_item=lambda items: items["title"],
    describe_user=lambda users, history: users["user_id"],
    positive=load_plugins(["content"]).domain("content").positive,
    kinds=("friend",),
    filters=(
        ALL,
        dataclasses.replace(ALL, name="not_self", always=True),
        dataclasses.replace(ALL, name="not_blocked", always=True),
    ),
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["people.not_blocked", "people.not_self"]),
        (["seen"], ["people.not_blocked", "people.not_self", "seen"]),
        (["seen", "people.not_self"], ["people.not_blocked", "seen", "people.not_self"]),
        (["people.all_pass"], ["people.not_blocked", "people.not_self", "people.all_pass"]),
    ],
)
def test_filters_that_always_run_come_first_unless_the_config_places_them(
    names: list[str], expected: list[str]
) -> None:
    assert list(load_plugins([]).filters_of_run(DOMAIN, names)) == expected


def test_an_unknown_filter_is_still_an_error() -> None:
    with pytest.raises(ConfigError, match=r"No filter is called 'people\.not_sefl'"):
        load_plugins([]).filters_of_run(DOMAIN, ["people.not_sefl"])


def test_always_is_true_or_false() -> None:
    assert any("always is 'yes'" in fault for fault in faults(dataclasses.replace(ALL, always="yes")))  # type: ignore[arg-type]
