"""EASE whose scores follow the time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.ease import Ease
from recsat.arms.recency import Recency
from recsat.arms.saved import ArmItems, load_arm, save_arm
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import fashions


@pytest.fixture(scope="module")
def arm() -> Ease:
    return Ease(l2=10.0, recency="auto").fit(fashions())


def test_scores_are_those_without_a_gain_times_the_gain(arm: Ease) -> None:
    train = fashions()
    gains = Recency(arm.half_life, arm.gamma).gains(train)
    assert gains is not None
    plain = Ease(l2=10.0).fit(train).score(train.users)
    torch.testing.assert_close(arm.score(train.users), plain * torch.from_numpy(gains))


def test_what_is_in_fashion_at_the_cut_comes_first(arm: Ease) -> None:
    train = fashions()
    best, plain = (one.score(train.users).argmax(dim=1).numpy() for one in (arm, Ease(l2=10.0).fit(train)))
    assert best.mean() > plain.mean() + 5
    assert (best % 2 == np.arange(len(best)) % 2).mean() > 0.7, "taste still counts"


def test_losses_add_up_to_the_scores(arm: Ease) -> None:
    users = fashions().users.take(slice(0, 20))
    items = np.tile(np.arange(40), (20, 1))
    torch.testing.assert_close(arm.losses(users, items).sum(dim=1), arm.score(users), rtol=1e-4, atol=1e-5)


def test_later_events_move_the_gain_and_no_weight(arm: Ease, tmp_path: Path) -> None:
    train = fashions()
    save_arm(arm, tmp_path / "ease", name="ease", items=ArmItems(train.catalogue))
    loaded = load_arm(Ease(), tmp_path / "ease", name="ease", items=ArmItems(train.catalogue))
    times = train.users.times
    assert times is not None
    back = replace(
        train.users, times=csr_array((times.data.max() - times.data, times.indices, times.indptr), times.shape)
    )
    later: TrainingData = replace(train, users=back)
    moved = loaded.recounted(later)
    gains = Recency(arm.half_life, arm.gamma).gains(later)
    assert moved.gains is not None
    assert gains is not None
    assert moved.gains.tolist() == gains.tolist()
    assert torch.equal(moved.weights, arm.weights)
    assert loaded.gains is not None
    assert arm.gains is not None
    assert torch.equal(loaded.gains, arm.gains), "the arm that was asked stays"
    assert moved.score(train.users).argmax(dim=1).float().mean() < arm.score(train.users).argmax(dim=1).float().mean()


def test_off_and_without_a_moment_there_is_no_gain() -> None:
    train = fashions()
    plain = Ease(l2=10.0).fit(train)
    assert plain.gains is None
    timeless = Ease(l2=10.0, recency="auto").fit(replace(train, now=None))
    assert timeless.gains is None
    assert torch.equal(timeless.score(train.users), plain.score(train.users))


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="recency must be off or auto, not 'on'"):
        Ease(recency="on")  # type: ignore[arg-type]
