"""What data can answer, in words made from the values that the result holds."""

from __future__ import annotations

import pytest

from recsat.report.fitness import facts, reason, remedy, worth_in_words
from recsat.report.language import in_language
from recsat.result.model import DataFitness, FitnessFact


def fitness_of(
    *,
    can_answer: bool = True,
    meant_to_be_new: bool = False,
    worth_having: float | None = None,
    **values: float | None,
) -> DataFitness:
    plain: dict[str, float | None] = {
        "users_judged": 127,
        "users_without_history": 102 / 127,
        "tied_times": 0.2306,
        "order": 0.2,
        "unseen_items": 0.0594,
        "ahead_of_time": 0.0,
        "detectable": 0.02486,
    }
    facts_of_run = {name: FitnessFact(value=value) for name, value in (plain | values).items()}
    return DataFitness(
        split="random",
        can_answer=can_answer,
        meant_to_be_new=meant_to_be_new,
        worth_having=worth_having,
        **facts_of_run,
    )


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
    of_draws = facts(fitness_of().model_copy(update={"n_draws": 5}))[-1]
    assert of_draws.endswith("is assumed. That is of users alone: how 5 draws of the items differ comes on top.")


@pytest.mark.parametrize(
    ("worth", "n_draws", "start"),
    [
        (0.0069, 1, "A difference of 0.00690, which is worth having, would mostly be missed"),
        (0.0071, 1, "Whether a difference of 0.00710, which is worth having, can be told is known when arms"),
        (0.0279, 1, "Whether a difference of 0.0279"),
        (0.0281, 1, "A difference of 0.0281, which is worth having, would be shown four times in five or more often"),
        (0.0281, 5, "Whether a difference of 0.0281"),
    ],
)
def test_a_difference_worth_having_is_held_against_what_pairs_of_arms_have_needed(
    worth: float, n_draws: int, start: str
) -> None:
    """Of draws it is not known how they differ, so that nothing is promised."""
    seen = {"worth_having": worth, "least_detectable": 0.007, "most_detectable": 0.028, "n_draws": n_draws}
    fitness = fitness_of().model_copy(update=seen)
    assert worth_in_words(fitness).startswith(start)
    assert "0.007 to 0.028" in worth_in_words(fitness)
    assert facts(fitness)[-1].endswith(worth_in_words(fitness))
    assert worth_in_words(fitness.model_copy(update={"worth_having": None})) == ""
    assert worth_in_words(fitness.model_copy(update={"least_detectable": None})) == ""


def test_values_that_are_not_known_are_said_to_be() -> None:
    names = ("users_without_history", "tied_times", "order", "unseen_items", "ahead_of_time", "detectable")
    sentences = facts(fitness_of(**dict.fromkeys(names)))
    assert len(sentences) == 7
    assert not any("None" in sentence or "%" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("fitness", "start", "in_chinese"),
    [
        (
            fitness_of(users_judged=601, users_without_history=0.0),
            "601 users can be judged, which is enough.",
            "可以评判 601 名用户",
        ),
        (
            fitness_of(can_answer=False),
            "25 of 127 judged users have a history, and fewer than 30 say nothing about others.",
            "127 名受评用户中只有 25 名有历史",
        ),
        (
            fitness_of(can_answer=False, users_judged=200, users_without_history=0.6),
            "120 of 200 judged users have no history, and their lists are the fallback's whatever the arm.",
            "200 名受评用户中有 120 名没有历史",
        ),
        (fitness_of(meant_to_be_new=True), "127 users can be judged, which is enough.", "可以评判 127 名用户"),
    ],
)
def test_the_reason_is_made_from_values(fitness: DataFitness, start: str, in_chinese: str) -> None:
    assert reason(fitness).startswith(start)
    with in_language("zh"):
        assert reason(fitness).startswith(in_chinese)


@pytest.mark.parametrize(
    ("fitness", "advice"),
    [
        (fitness_of(), ""),
        (fitness_of(can_answer=False), "Bring more data, hold out more, or choose another protocol."),
        (
            fitness_of(can_answer=False, users_judged=200, users_without_history=0.6),
            "Choose the protocol last-n or random, or cut later.",
        ),
    ],
)
def test_a_split_that_cannot_answer_comes_with_what_to_do(fitness: DataFitness, advice: str) -> None:
    assert remedy(fitness) == advice


def test_an_older_result_is_read_whose_facts_had_sentences() -> None:
    older = fitness_of(users_judged=601, users_without_history=0.0).model_dump(mode="json") | {"reason": "As it said."}
    older["order"]["sentence"] = "As the run said."
    assert reason(DataFitness.model_validate(older)) == "601 users can be judged, which is enough."
