"""What data can answer, in words made from the values that the result holds."""

from __future__ import annotations

import pytest

from recsat.report.fitness import facts, reason
from recsat.report.language import in_language
from recsat.result.model import DataFitness, FitnessFact, Result


def fitness_of(*, can_answer: bool = True, **values: float | None) -> DataFitness:
    plain: dict[str, float | None] = {
        "users_judged": 127,
        "users_without_history": 102 / 127,
        "tied_times": 0.2306,
        "order": 0.2,
        "unseen_items": 0.0594,
        "ahead_of_time": 0.0,
        "detectable": 0.02486,
    }
    facts_of_run = {
        name: FitnessFact(value=value, sentence="As the run says.") for name, value in (plain | values).items()
    }
    return DataFitness(split="random", can_answer=can_answer, reason="As the run says.", **facts_of_run)


def test_facts_are_sentences_made_from_values() -> None:
    assert facts(fitness_of()) == [
        "127 users have a held-out like and are judged.",
        "102 of 127 judged users liked nothing before the test (80.3 %).",
        "5.9 % of the held-out likes are of items without an event in training.",
        "23.1 % of the events share their moment with another of the same user, so that their order is not known.",
        "The order of a user's events is not shown to be informative (shuffle test, p = 0.200): arms that read it may have nothing to read.",
        "0 % of the held-out likes are dated before the item existed, as far as is known.",
        "With 127 users, a difference below 0.025 would be missed more than one time in five, if users differ as much as is assumed.",
    ]
    assert "is informative" in facts(fitness_of(order=0.05))[4]


def test_values_that_are_not_known_are_said_to_be() -> None:
    names = ("users_without_history", "tied_times", "order", "unseen_items", "ahead_of_time", "detectable")
    sentences = facts(fitness_of(**dict.fromkeys(names)))
    assert len(sentences) == 7
    assert not any("None" in sentence or "%" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("fitness", "start"),
    [
        (fitness_of(users_judged=601, users_without_history=0.0), "可以评判 601 名用户"),
        (fitness_of(can_answer=False), "127 名受评用户中只有 25 名有历史"),
        (
            fitness_of(can_answer=False, users_judged=200, users_without_history=0.6),
            "200 名受评用户中有 120 名没有历史",
        ),
        (fitness_of(can_answer=False, users_judged=200, users_without_history=0.1), "As the run says."),
    ],
)
def test_the_reason_is_made_from_values_and_the_run_s_own_where_they_do_not_say(
    result: Result, fitness: DataFitness, start: str
) -> None:
    assert reason(result, fitness) == "As the run says."
    with in_language("zh"):
        assert reason(result, fitness).startswith(start)


def test_cold_users_are_meant_to_have_no_history(result: Result) -> None:
    cold = result.model_copy(
        update={"splits": [split.model_copy(update={"protocol": "cold-users"}) for split in result.splits]}
    )
    with in_language("zh"):
        assert reason(cold, fitness_of(can_answer=True)).startswith("可以评判 127 名用户")
        assert reason(cold, fitness_of(can_answer=False)) == "As the run says."
