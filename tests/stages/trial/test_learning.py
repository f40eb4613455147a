"""Learning curves: nested parts of the users, the whole is the whole, and choices are made anew."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from recsat.builtin.arms import RECOMMENDERS
from recsat.config.settings import MeasureSettings
from recsat.lists.make import lists_of
from recsat.measure.learning import learning_points
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.fold import test_fold as judged_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.learning import SHARES, first_users, learning_curve
from recsat.stages.trial.request import request_of
from recsat.stages.trial.tune import validation_ndcg

SPECS = {spec.name: spec for spec in RECOMMENDERS}


@pytest.fixture(scope="module")
def context(finished_run: Path) -> StageContext:
    return StageContext.open(RunFolder(finished_run), load_plugins(["content"]))


@pytest.fixture(scope="module")
def fold(context: StageContext) -> Fold:
    return judged_fold(embedded_inputs(context), read_split(context.folder, "warm"))


def test_parts_are_nested_have_whole_histories_and_reach_their_share(fold: Fold) -> None:
    parts = [first_users(fold.train, share, seed=3) for share in SHARES]
    for smaller, larger in pairwise(parts):
        assert set(smaller.users.ids) <= set(larger.users.ids)
    assert len(parts[0].users) < len(parts[2].users) < len(parts[-1].users)
    for share, part in zip(SHARES, parts, strict=True):
        likes, longest = fold.train.users.history.nnz, fold.train.users.lengths.max()
        assert share * likes <= part.users.history.nnz < share * likes + longest + 1
        rows = [fold.train.users.ids.index(user) for user in part.users.ids]
        np.testing.assert_array_equal(part.users.lengths, fold.train.users.lengths[rows])
    assert parts[-1].users.ids == fold.train.users.ids
    assert parts[0].raters is not None
    assert set(parts[0].raters.ids) <= set(parts[0].users.ids)
    assert first_users(fold.train, 0.1, seed=4).users.ids != first_users(fold.train, 0.1, seed=3).users.ids


def test_the_last_point_is_the_arm_itself_and_the_first_knows_less(context: StageContext, fold: Fold) -> None:
    request = request_of(context.config, context.domain)
    table = learning_curve("warm", "ease", SPECS["ease"], {"l2": 50.0}, fold, request)
    points = learning_points(table, settings=MeasureSettings(n_bootstrap=200), seed=0)
    assert [point.share for point in points] == list(SHARES)
    whole = lists_of(fold, "ease", SPECS["ease"].make(l2=50.0).fit(fold.train), replace(request, explain=False)).lists
    assert points[-1].ndcg == pytest.approx(validation_ndcg(whole, fold, request.k))
    assert points[0].ndcg < points[-1].ndcg
    assert points[-1].n_likes == fold.train.users.history.nnz


def test_what_needs_no_learning_is_the_same_at_every_point(context: StageContext, fold: Fold) -> None:
    request = request_of(context.config, context.domain)
    values = learning_curve("warm", "text", SPECS["text"], {}, fold, request)
    by_size = values.partition_by("share")
    assert len(by_size) == len(SHARES)
    for part in by_size[1:]:
        np.testing.assert_array_equal(part["value"], by_size[0]["value"])


def test_choices_made_on_everything_are_not_carried_to_the_parts(context: StageContext, fold: Fold) -> None:
    class Chooser(SPECS["popularity"].make().__class__):  # type: ignore[misc, name-defined]
        def __init__(self, choices: object = None) -> None:
            self.choices = choices

        def choose(self, train: object) -> dict[str, object]:
            return {"place": 1}

        def fit(self, train):  # type: ignore[no-untyped-def]
            assert self.choices is None
            return super().fit(train)

    spec = replace(SPECS["popularity"], name="chooser", make=Chooser)
    request = request_of(context.config, context.domain)
    assert len(learning_curve("warm", "chooser", spec, {"choices": {"place": 1}}, fold, request))
