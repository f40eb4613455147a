"""Lists as policies: by hand, summing to 1 over everything that may be shown, and at the places that were shown."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from recsat.config.settings import TargetSettings
from recsat.stages.trial.target import probabilities_of

KINDS = pl.DataFrame({"item_id": list("abcdef"), "kind": ["film"] * 4 + ["song"] * 2})
LISTS = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "ann", "ann", "bob"],
        "item_id": ["c", "e", "a", "b", "d"],
        "rank": [1, 2, 3, 4, 1],
    }
)
EVERYTHING = pl.DataFrame({"user_id": ["ann"] * 6, "item_id": list("abcdef"), "position": [1] * 6})


def probabilities(rounds: pl.DataFrame, **settings: object) -> np.ndarray:
    return probabilities_of(rounds, LISTS, KINDS, TargetSettings.model_validate(settings))


def test_each_item_of_a_kind_is_as_likely() -> None:
    assert probabilities(EVERYTHING) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 1, 0])


def test_softmax_falls_with_the_place_among_the_items_of_the_kind() -> None:
    weights = np.exp(-np.arange(3) / 2)
    third, second, first = weights[[2, 1, 0]] / weights.sum()
    of_ann = probabilities(EVERYTHING, policy="softmax", temperature=2)
    # c is the first film of ann's list, a the second, b the third; e is the only song.
    assert of_ann == pytest.approx([second, third, first, 0, 1, 0])


def test_near_no_temperature_the_first_item_alone_and_at_a_high_one_each_as_likely() -> None:
    assert probabilities(EVERYTHING, policy="softmax", temperature=1e-3) == pytest.approx([0, 0, 1, 0, 1, 0])
    assert probabilities(EVERYTHING, policy="softmax", temperature=1e9) == pytest.approx(probabilities(EVERYTHING))


@pytest.mark.parametrize("settings", [{}, {"policy": "softmax", "temperature": 1.5}, {"policy": "deterministic"}])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_over_what_may_be_shown_of_a_kind_they_sum_to_1(settings: dict[str, object], epsilon: float) -> None:
    of_ann = probabilities(EVERYTHING, **settings, epsilon=epsilon)
    assert of_ann[:4].sum() == pytest.approx(1, abs=1e-9)
    assert of_ann[4:].sum() == pytest.approx(1, abs=1e-9)


def test_epsilon_shows_anything_of_the_kind() -> None:
    assert probabilities(EVERYTHING, epsilon=0.2) == pytest.approx(
        [0.8 / 3 + 0.05, 0.8 / 3 + 0.05, 0.8 / 3 + 0.05, 0.05, 0.9, 0.1]
    )


def test_deterministic_shows_each_place_its_item_and_nothing_below_the_list() -> None:
    rounds = pl.DataFrame(
        {
            "user_id": ["ann", "ann", "ann", "ann", "bob", "bob", "zoe"],
            "item_id": ["c", "a", "a", "e", "d", "d", "a"],
            "position": [1, 1, 2, 1, 1, 9, 1],
        }
    )
    assert probabilities(rounds, policy="deterministic").tolist() == [1, 0, 1, 1, 1, 0, 0]


def test_what_the_catalogue_lacks_is_never_shown() -> None:
    rounds = pl.DataFrame({"user_id": ["ann"], "item_id": ["gone"], "position": [1]})
    assert probabilities(rounds, epsilon=0.5).tolist() == [0]
    nobody = probabilities_of(rounds, LISTS.clear(), KINDS, TargetSettings())
    assert nobody.tolist() == [0]


@pytest.mark.parametrize("settings", [{"policy": "softmax"}, {"temperature": 2.0}])
def test_a_temperature_goes_with_softmax_and_with_nothing_else(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="it belongs to policy softmax, which needs it"):
        TargetSettings.model_validate(settings)
