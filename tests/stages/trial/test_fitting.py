from __future__ import annotations

from typing import Self

import numpy as np
import pytest
import torch

from recsat import RecommenderSpec, RunError
from recsat.arms.popularity import Popularity
from recsat.contract.interactions import TrainingData
from recsat.stages.trial.fitting import fitted_arm
from recsat.testing.worlds import training_data

TRAIN = training_data(np.ones((2, 3), dtype=np.float32), np.ones((3, 2), dtype=np.float32))


class Greedy(Popularity):
    """Asks for more than any machine has, as the library does that it is named after."""

    def __init__(self, *, library: str) -> None:
        super().__init__()
        self.library = library

    def fit(self, train: TrainingData) -> Self:
        if self.library == "numpy":
            np.ones((10**9, 10**8))
        torch.ones(10**9, 10**8)
        return self


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_fit_that_memory_does_not_suffice_for_ends_in_words(library: str) -> None:
    spec = RecommenderSpec(name="greedy", description="", make=Greedy)
    with pytest.raises(
        RunError,
        match=r"^arm 'greedy': memory did not suffice for its fit on 3 items and 2 users \(.+\)\. Take it out of arms",
    ):
        fitted_arm(spec, {"library": library}, TRAIN)


def test_another_error_of_a_fit_is_left_as_it_is() -> None:
    class Broken(Popularity):
        def fit(self, train: TrainingData) -> Self:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match=r"^mat1 and mat2"):
        fitted_arm(RecommenderSpec(name="broken", description="", make=Broken), {}, TRAIN)
