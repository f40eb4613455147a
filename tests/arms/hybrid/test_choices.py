"""What was chosen is a parameter: given back, the same arm comes of it, and nothing is sought."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.hybrid import hybrid
from recsat.arms.hybrid.choices import Choices
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.hybrid.merge import Merge
from recsat.arms.hybrid.parts import Aligned, Carried, Factors, Foretold, Liked, LikedOfLate, Likeness, Order, Together
from recsat.arms.hybrid.stack import Stack
from recsat.contract.interactions import TrainingData

SOURCE = Together(1.5, 0.5, prior=8.5, vector="text")
OF_EVERY_KIND = Choices(
    recipes={
        "together": SOURCE,
        "order": Order(3.0, prior=6.0, vector="words", history_decay=None, beside="text", prior_beside=1.5),
        "aligned": Aligned(12.5, "text"),
        "factors": Factors("text", 10.0),
        "popularity": Liked(),
        "recent popularity": LikedOfLate(86_400.0),
    },
    unseen_recipes={
        "likeness": Likeness("words"),
        "carried": Carried(SOURCE, "text", 0.3),
        "foretold": Foretold("text"),
    },
    warm=Stack(
        dict.fromkeys(("together", "order", "aligned", "factors", "popularity", "recent popularity"), 0.4),
        {"recency 1": 0.5},
    ),
    unseen=Stack({"likeness": 1.0, "carried": 2.5, "foretold": 0.4}),
    merge=Merge(-0.5, 1.25),
    half_life=86_400.0,
    half_lives=(3_600.0, 86_400.0),
    all_as_unseen=True,
)


def test_choices_go_through_json_and_back() -> None:
    assert Choices.of_json(json.loads(json.dumps(OF_EVERY_KIND.to_json()))) == OF_EVERY_KIND


@pytest.mark.parametrize("protocol", ["random", "timeline"])
def test_the_arm_of_given_choices_is_the_arm_that_made_them(
    blocks: TrainingData, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = blocks.users.history
    seconds = np.random.default_rng(0).permutation(history.nnz).astype(float)
    times = csr_array((seconds, history.indices, history.indptr), shape=history.shape)
    train = replace(blocks, users=replace(blocks.users, times=times), protocol=protocol, now=float(history.nnz))
    sought, choices = Hybrid().fit(train), Hybrid().choose(train)
    monkeypatch.setattr(hybrid, "search", lambda *_, **__: pytest.fail("nothing is to be sought"))
    assert Hybrid(choices=choices).choose(train) == choices
    again = Hybrid(choices=choices).fit(train)
    torch.testing.assert_close(again.score(train.users), sought.score(train.users), rtol=1e-4, atol=1e-5)
    assert again.selection == sought.selection


@pytest.mark.parametrize("wrong", [{}, {"warm": 3}, {**OF_EVERY_KIND.to_json(), "warm": {"x": {"kind": "os.system"}}}])
def test_what_no_hybrid_chose_is_refused_in_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"choices are not those that a hybrid made .* Leave them out"):
        Hybrid(choices=wrong)
