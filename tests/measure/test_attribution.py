"""Whose the gain is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Reads
from recsat.measure.attribution import attribution
from recsat.measure.evaluate import EvaluatedSplit, evaluate_split
from recsat.measure.evidence import Evidence
from recsat.measure.leaders import leaders_of
from recsat.measure.user_values import UserValues
from recsat.measure.verdict import verdicts
from recsat.result.model import Attribution, Outcome

SETTINGS = MeasureSettings(baseline="chance", n_bootstrap=300)
Arm = Callable[..., pl.DataFrame]
READS: Mapping[str, Reads] = {"chance": "nothing", "ease": "nothing", "model-words": "words", "model": "language model"}


def judged(world: Evidence, lists: Mapping[str, pl.DataFrame]) -> EvaluatedSplit:
    return evaluate_split(lists, world, metrics={}, settings=SETTINGS, k=5, seed=7)


def shares(world: Evidence, lists: Mapping[str, pl.DataFrame], **validation: float) -> Attribution:
    return attributed(judged(world, lists), validation)


def attributed(
    evaluated: EvaluatedSplit,
    validation: Mapping[str, float],
    reads: Mapping[str, Reads] = READS,
    reranker: str | None = None,
) -> Attribution:
    """With the answer of the verdict on the same pair, as in a run."""
    leaders = leaders_of(evaluated, validation, reads, SETTINGS.baseline)
    accuracy = verdicts(evaluated, leaders, settings=SETTINGS, seed=7)["accuracy"].outcome
    return attribution(evaluated, leaders, accuracy, reranker=reranker, settings=SETTINGS, seed=7)


VALIDATION = {"chance": 0.1, "ease": 0.2, "model-words": 0.3, "model": 0.4}


def test_the_shares_add_up_to_the_gain_on_the_same_users(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(0.0, 2), "model-words": arm(0.0, 3), "model": arm(3.0, 4)}
    split_shares = shares(world, lists, **VALIDATION)
    assert (split_shares.model, split_shares.without_model, split_shares.nothing, split_shares.lack) == (
        "model",
        "model-words",
        "ease",
        "",
    )
    assert split_shares.gain is not None
    assert split_shares.words_share is not None
    assert split_shares.model_share is not None
    assert split_shares.gain.mean == pytest.approx(split_shares.words_share.mean + split_shares.model_share.mean)
    assert split_shares.gain.n_users == split_shares.model_share.n_users
    means = {one.name: one.measures["ndcg@5"].mean or 0 for one in judged(world, lists).arms if one.slice == "all"}
    assert split_shares.words_share.mean == pytest.approx(means["model-words"] - means["ease"])
    assert split_shares.model_share.mean == pytest.approx(means["model"] - means["model-words"])
    assert (split_shares.model_share.low or 0) > 0
    hits = {one.name: one.measures["hit@5"].mean or 0 for one in judged(world, lists).arms if one.slice == "all"}
    assert split_shares.more_hits is not None
    assert split_shares.more_hits.mean == pytest.approx(hits["model"] - hits["model-words"])
    assert split_shares.more_hits.n_users == split_shares.gain.n_users
    assert (split_shares.more_hits.low or 0) > 0


def test_a_bag_of_words_in_the_place_of_the_model_leaves_the_model_nothing(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "model-words": arm(2.0, 3), "model": arm(2.0, 3)}
    split_shares = shares(world, lists, chance=0.1, model=0.3, **{"model-words": 0.3})
    assert split_shares.model_share is not None
    assert split_shares.words_share is not None
    assert (split_shares.model_share.mean, split_shares.model_share.low, split_shares.model_share.high) == (
        0.0,
        None,
        None,
    )
    assert (split_shares.words_share.low or 0) > 0


def test_an_arm_that_its_own_twin_beats_does_not_say_that_the_model_helps(world: Evidence, arm: Arm) -> None:
    """Validation picked another arm without the model, a weak one."""
    lists = {"chance": arm(0.0), "ease": arm(0.0, 2), "model-words": arm(3.0, 3), "model": arm(3.0, 4)}
    split_shares = shares(world, lists, chance=0.1, ease=0.5, model=0.4, **{"model-words": 0.2})
    assert (split_shares.without_model, split_shares.twin) == ("ease", "model-words")
    assert split_shares.model_share is not None
    assert split_shares.over_twin is not None
    assert (split_shares.model_share.low or 0) > 0
    means = {one.name: one.measures["ndcg@5"].mean or 0 for one in judged(world, lists).arms if one.slice == "all"}
    assert split_shares.over_twin.mean == pytest.approx(means["model"] - means["model-words"])
    assert split_shares.answer == "not shown"


@pytest.mark.parametrize(("strength", "answer"), [(1.0, "helps"), (-1.0, "costs"), (0.2, "not shown")])
def test_the_answer_is_that_of_the_verdict(world: Evidence, arm: Arm, strength: float, answer: str) -> None:
    lists = {"chance": arm(0.0), "model-words": arm(0.2, 3), "model": arm(strength, 4)}
    assert shares(world, lists, chance=0.1, model=0.3, **{"model-words": 0.2}).answer == answer


def test_where_reading_nothing_beats_words_their_share_is_nothing(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(3.0, 2), "model-words": arm(0.0, 3), "model": arm(0.1, 4)}
    split_shares = shares(world, lists, chance=0.1, ease=0.5, model=0.4, **{"model-words": 0.2})
    assert (split_shares.without_model, split_shares.nothing) == ("ease", "ease")
    assert split_shares.words_share is not None
    assert split_shares.model_share is not None
    assert split_shares.words_share.mean == 0
    assert (split_shares.model_share.high or 0) < 0


@pytest.mark.parametrize(
    ("arms", "lack"),
    [
        (("chance", "model-words"), "No arm with lists on warm reads with a language model."),
        (("model-words", "model"), "Every arm with lists on warm reads texts"),
        (("chance", "model"), "add words to measure.controls"),
    ],
)
def test_what_is_missing_is_said(world: Evidence, arm: Arm, arms: tuple[str, ...], lack: str) -> None:
    lists = {name: arm(1.0, seed) for seed, name in enumerate(arms)}
    split_shares = shares(world, lists, **{name: VALIDATION[name] for name in arms})
    assert lack in split_shares.lack
    assert split_shares.gain is None


def test_an_arm_without_its_words_twin_never_speaks_for_the_model(world: Evidence, arm: Arm) -> None:
    lists = {name: arm(1.0, seed) for seed, name in enumerate(("chance", "model-words", "model", "order"))}
    validation = {"chance": 0.1, "model-words": 0.2, "model": 0.3, "order": 0.9}
    reads: dict[str, Reads] = {**READS, "order": "language model"}
    assert attributed(judged(world, lists), validation, reads).model == "model"


def test_lists_of_a_reranker_are_not_divided(world: Evidence, arm: Arm) -> None:
    lists = {name: arm(1.0, seed) for seed, name in enumerate(("chance", "model-words", "model"))}
    validation = {name: VALIDATION[name] for name in lists}
    split_shares = attributed(judged(world, lists), validation, reranker="cross")
    assert "reranked by cross" in split_shares.lack
    assert split_shares.gain is None


@pytest.mark.parametrize(
    ("accuracy", "twin_behind", "leads", "answer"),
    [
        ("better", True, True, "helps"),
        ("better", False, True, "not shown"),
        ("not shown", True, True, "not shown"),
        ("worse", True, True, "costs"),
        ("worse", True, False, "not shown"),
        ("as good as", True, True, "not shown"),
    ],
)
def test_an_interval_alone_answers_nothing(
    world: Evidence, arm: Arm, accuracy: Outcome, twin_behind: bool, leads: bool, answer: str
) -> None:
    """The verdict is corrected for the other dimensions: where it shows nothing, neither does the page's first sentence."""
    lists = {"chance": arm(0.0), "model-words": arm(0.0 if twin_behind else 3.0, 3), "model": arm(3.0, 4)}
    evaluated = judged(world, lists)
    validation = {"chance": 0.1, "model-words": 0.3, "model": 0.4 if leads else 0.2}
    leaders = leaders_of(evaluated, validation, READS, SETTINGS.baseline)
    answered = attribution(evaluated, leaders, accuracy, settings=SETTINGS, seed=7)
    assert answered.over_twin is not None
    assert ((answered.over_twin.low or 0) > 0) is twin_behind
    assert answered.answer == answer


def test_the_model_s_share_is_the_difference_that_the_verdict_tests(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(0.0, 2), "model-words": arm(0.0, 3), "model": arm(3.0, 4)}
    evaluated = judged(world, lists)
    leaders = leaders_of(evaluated, VALIDATION, READS, SETTINGS.baseline)
    primary = verdicts(evaluated, leaders, settings=SETTINGS, seed=7)["accuracy"].primary
    share = attributed(evaluated, VALIDATION).model_share
    assert primary is not None
    assert share is not None
    assert (primary.arm, primary.other) == ("model", "model-words")
    of_verdict = (primary.mean, primary.low, primary.high, primary.n_users)
    assert (share.mean, share.low, share.high, share.n_users) == pytest.approx(of_verdict)


def test_the_arms_are_picked_by_validation_and_never_by_the_test_part(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(3.0, 1), "ease": arm(0.0, 2), "model-words": arm(1.0, 3), "model": arm(2.0, 4)}
    assert shares(world, lists, **VALIDATION).nothing == "ease"


def test_arms_that_differ_by_chance_alone_show_no_share_of_the_model() -> None:
    """200 worlds of 200 users whose nDCG under three arms is drawn alike; the simulator's are in tests/stages."""
    rng = np.random.default_rng(0)
    n_shown = 0
    for _ in range(200):
        values = rng.beta(0.8, 2.0, (3, 200)) * (rng.random((3, 200)) > 0.3)
        per_user = pl.concat(
            pl.DataFrame({"user_id": [f"u{i:03}" for i in range(200)], "value": row}).with_columns(
                arm=pl.lit(arm), slice=pl.lit("all"), measure=pl.lit("ndcg@5"), draw=pl.lit(1, dtype=pl.Int64)
            )
            for arm, row in zip(("chance", "model-words", "model"), values, strict=True)
        )
        evaluated = EvaluatedSplit(
            split="s", k=5, values=UserValues.of_table(per_user), arms=[], measures=[], not_measured=[]
        )
        validation = {"chance": 0.1, "model-words": 0.2, "model": 0.2}
        leaders = leaders_of(evaluated, validation, READS, SETTINGS.baseline)
        share = attribution(evaluated, leaders, "not shown", settings=SETTINGS, seed=0).model_share
        assert share is not None
        assert share.low is not None
        assert share.high is not None
        n_shown += share.low > 0 or share.high < 0
    assert n_shown <= 19  # 5 %, and three standard errors
