"""The tests that every arm inherits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from torch import Tensor

from recsat.arms.saved import ArmItems, load_arm, save_arm
from recsat.contract.arm import RatingPredictor, Reasons, Recommender, Saveable, ScoredInParts
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.testing.worlds import checkerboard, taste_groups, without_events_on

RELATIVE, ABSOLUTE = 1e-4, 1e-5
"""What float32 sums may differ by in another order."""


class RecommenderContract:
    """Inherit, name your arm, done.

    .. code-block:: python

        from recsat.testing import RecommenderContract
        from recsat_books.nearest import Nearest

        class TestNearest(RecommenderContract):
            make = staticmethod(lambda: Nearest(n_neighbours=20))

    Every test fits a new arm on one of the worlds of :mod:`recsat.testing.worlds`. An arm that needs other vectors than
    ``raw`` and ``text``, times or ratings (:func:`~recsat.testing.worlds.rated`), overrides :meth:`world` and :meth:`checkerboard` with worlds that have them.
    """

    personal: ClassVar[bool] = True
    """False where everybody is given the same scores, as by popularity; the checkerboard is then left out."""
    reasons: ClassVar[Literal["largest", "any", "none"]] = "largest"
    """Which history item ``explain`` names: the one whose absence costs the score most (``largest``), one whose absence
    costs it something (``any``), or no item at all (``none``)."""

    @staticmethod
    def make() -> Recommender:
        """A new arm, not fitted yet."""
        raise NotImplementedError("name the arm: make = staticmethod(lambda: MyArm())")

    def world(self) -> TrainingData:
        """What most tests are made on: users in three taste groups."""
        return taste_groups()

    def checkerboard(self) -> TrainingData:
        """Users who have met every item of their colour but one: user u has not met item u."""
        return checkerboard()

    def test_fit_returns_the_arm_and_leaves_the_training_data_as_they_were(self) -> None:
        train, before = self.world(), self.world()
        arm = self.make()
        assert arm.fit(train) is arm, "fit returns something else than the arm itself. Return self."
        history, as_it_was = train.users.history, before.users.history
        assert all(
            np.array_equal(getattr(history, part), getattr(as_it_was, part)) for part in ("data", "indices", "indptr")
        ), "fit changed the histories, which other arms learn from too. Work on a copy."
        differ = [name for name, vectors in before.vectors.items() if not np.array_equal(vectors, train.vectors[name])]
        assert not differ, f"fit changed the item vectors {differ}, which other arms use too. Work on a copy."

    def test_the_one_withheld_item_of_a_checkerboard_comes_first(self) -> None:
        if not self.personal:
            pytest.skip("the arm gives everybody the same scores")
        train = self.checkerboard()
        best = _best(self.make().fit(train), train.users, 1)[:, 0].tolist()
        wrong = [user for user, item in enumerate(best) if item != user]
        assert not wrong, (
            f"users {wrong} have met all items of their taste but one, and are shown another before it. "
            "Look at the sign and at the side of the item-item or user-item product."
        )

    def test_scores_are_float32_for_every_user_and_item(self) -> None:
        train = self.world()
        arm, users = self.make().fit(train), train.users
        padded = torch.tensor([[3, -1], [-1, -1]] + [[0, 1]] * (len(users) - 2))
        for name, scores, shape in (
            ("of the catalogue", arm.score(users), (len(users), len(train.catalogue))),
            ("at candidates", arm.score(users, padded), tuple(padded.shape)),
        ):
            assert isinstance(scores, Tensor), f"scores {name} are a {type(scores).__name__}; return a torch Tensor."
            assert scores.dtype == torch.float32, f"scores {name} are {scores.dtype}; return float32."
            assert tuple(scores.shape) == shape, f"scores {name} have shape {tuple(scores.shape)}; return {shape}."
            assert not scores.isnan().any(), f"scores {name} are not a number for some user. Mind division by nothing."
        empty = arm.score(users, padded)[padded == -1]
        assert torch.isneginf(empty).all(), "a padded candidate (-1) has a score; it must be -inf."

    def test_moved_to_a_device_it_scores_as_before(self) -> None:
        train = self.world()
        arm = self.make().fit(train)
        before = arm.score(train.users)
        moved = arm.to(torch.device("cpu"))
        assert torch.equal(moved.score(train.users), before), "to(device) gives an arm with other scores."
        assert torch.equal(arm.score(train.users), before), "to(device) changed the arm itself. Return a copy."

    def test_scores_at_candidates_are_the_catalogue_scores_at_those_places(self) -> None:
        train = self.world()
        arm = self.make().fit(train)
        last = len(train.catalogue) - 1
        candidates = torch.tensor([[3, last, -1, 0]] * len(train.users))
        everything = arm.score(train.users)
        picked = arm.score(train.users, candidates)
        assert torch.isneginf(picked[:, 2]).all(), "a padded candidate (-1) has a score; it must be -inf."
        _assert_close(
            picked[:, [0, 1, 3]],
            everything[:, [3, last, 0]],
            "a candidate's score is another one than that of the same item when the whole catalogue is scored.",
        )

    def test_a_user_is_scored_from_the_history_handed_in_not_from_a_stored_id(self) -> None:
        train = self.world()
        arm = self.make().fit(train)
        one = train.users.take(np.array([4]))
        new_user = UserBatch(ids=["never seen"], history=one.history, ratings=one.ratings)
        _assert_close(
            arm.score(new_user)[0],
            arm.score(train.users)[4],
            "a user unseen in training gets other scores than the training user with the same history. "
            "Score users.history, not what was stored under an id.",
        )

    def test_a_users_scores_do_not_depend_on_who_shares_the_batch(self) -> None:
        train = self.world()
        arm = self.make().fit(train)
        together = arm.score(train.users)
        some = np.array([len(train.users) - 1, 3, len(train.users) // 2])
        _assert_close(
            arm.score(train.users.take(some)),
            together[torch.from_numpy(some)],
            "a user's scores change with who else is in the batch, or rows come in another order than users.",
        )

    def test_an_empty_history_gives_finite_scores(self) -> None:
        train = self.world()
        nobody = _with_histories(np.zeros((1, len(train.catalogue)), dtype=np.float32))
        scores = self.make().fit(train).score(nobody)
        assert torch.isfinite(scores).all(), (
            "a user without history gets scores that are not finite. Give 0, or what is likely for anybody."
        )

    def test_fitting_twice_with_one_seed_gives_the_same_scores(self) -> None:
        train = self.world()
        first, second = (self.make().fit(train).score(train.users) for _ in range(2))
        _assert_close(
            first, second, "a second fit on the same data gives other scores. Draw from TrainingData.seed alone."
        )

    def test_query_vectors_times_the_named_item_vectors_are_the_scores(self) -> None:
        train = self.world()
        arm = self.make().fit(train)
        if arm.vector is None:
            pytest.skip("the arm names no vector")
        item_vectors = {**train.vectors, **arm.stored_vectors()}
        assert arm.vector in item_vectors, (
            f"vector is {arm.vector!r}, and neither the training data nor stored_vectors have it. They have {sorted(item_vectors)}."
        )
        products = arm.query_vectors(train.users) @ item_vectors[arm.vector].T
        _assert_close(
            torch.from_numpy(products),
            arm.score(train.users),
            f"the inner product of query_vectors with the {arm.vector!r} vectors is not the score. "
            "Set vector to None and override queries, if vectors only find candidates.",
        )

    def test_queries_and_neighbours_can_be_asked_of_a_store(self) -> None:
        train = self.world()
        arm, users = self.make().fit(train), train.users
        item_vectors = {**train.vectors, **arm.stored_vectors()}
        for name, vectors in arm.stored_vectors().items():
            assert len(vectors) == len(train.catalogue), f"stored_vectors {name!r}: {len(vectors)} rows; one an item."
        for name, queries in arm.queries(users).items():
            assert name in item_vectors, (
                f"queries name the item vectors {name!r}, which are not stored; {sorted(item_vectors)} are."
            )
            shape = (len(users), item_vectors[name].shape[1])
            assert queries.dtype == np.float32, f"queries {name!r} are {queries.dtype}; return float32."
            assert queries.shape == shape, f"queries {name!r} have shape {queries.shape}; return {shape}."
        near = arm.neighbours(users, 5)
        if near is not None:
            assert near.dtype == np.int64, f"neighbours are {near.dtype}; return int64."
            assert near.shape == (len(users), 5), f"neighbours have shape {near.shape}; return {(len(users), 5)}."
            inside = (near >= -1) & (near < len(train.catalogue))
            assert inside.all(), "neighbours are not item indices. Pad with -1."
            twice = [user for user, row in enumerate(near) if len(set(row[row >= 0])) < (row >= 0).sum()]
            assert not twice, f"neighbours of user {twice[0]} have an item twice."

    def test_predicted_ratings_are_float32_and_finite_and_of_the_ratings_handed_in(self) -> None:
        train = self.world()
        arm, users = self.make().fit(train), train.users
        if not isinstance(arm, RatingPredictor):
            pytest.skip("the arm predicts no ratings")
        items = np.tile(np.array([0, 5, -1, len(train.catalogue) - 1]), (len(users), 1))
        predicted = arm.predict_ratings(users, items)
        assert predicted.dtype == np.float32, f"predicted ratings are {predicted.dtype}; return float32."
        assert predicted.shape == items.shape, f"predicted ratings have shape {predicted.shape}; return {items.shape}."
        assert np.isnan(predicted[:, 2]).all(), "a padded item (-1) has a predicted rating; it must be NaN."
        assert np.isfinite(predicted[:, [0, 1, 3]]).all(), (
            "a predicted rating is not finite. Give what is likely for anybody."
        )
        some = np.array([len(users) - 1, 3])
        renamed = replace(users.take(some), ids=["never seen", "nor this"])
        np.testing.assert_allclose(
            arm.predict_ratings(renamed, items[some]),
            predicted[some],
            rtol=RELATIVE,
            err_msg="predicted ratings change with the id or with who shares the batch. Predict from users.ratings.",
        )
        nobody = _with_histories(np.zeros((1, len(train.catalogue)), dtype=np.float32))
        of_nobody = arm.predict_ratings(nobody, np.array([[0, 1]]))
        assert np.isfinite(of_nobody).all(), "a user who rated nothing gets a predicted rating that is not finite."

    def test_the_parts_of_a_score_add_up_to_it(self) -> None:
        for train in (self.world(), without_events_on(self.world(), slice(3))):
            arm, users = self.make().fit(train), train.users
            if not isinstance(arm, ScoredInParts):
                pytest.skip("the arm does not say what its scores are made of")
            items = np.tile(np.array([0, 1, 5, len(train.catalogue) - 1]), (len(users), 1))
            parts = arm.parts(users, items)
            for name, part in parts.items():
                assert part.dtype == np.float32, f"part {name!r} is {part.dtype}; return float32."
                assert part.shape == items.shape, f"part {name!r} has shape {part.shape}; return {items.shape}."
            total = torch.from_numpy(np.sum(list(parts.values()), axis=0))
            scores = arm.score(users).cpu().gather(1, torch.from_numpy(items))
            _assert_close(total, scores, "the parts of a score do not add up to it.")

    def test_a_saved_and_loaded_arm_gives_the_same_answers(self) -> None:
        train = self.world()
        arm, loaded = self.make().fit(train), self.make()
        if not isinstance(arm, Saveable):
            half = [name for name in ("state", "restore") if hasattr(arm, name)]
            assert not half, f"the arm has {half[0]} and not the other of state and restore. Write both, or none."
            pytest.skip("the arm has no state and restore: it can be judged, and not saved")
        items = ArmItems(train.catalogue, train.vectors)
        with TemporaryDirectory() as folder:
            save_arm(arm, Path(folder) / "arm", name="arm", items=items)
            back = load_arm(loaded, Path(folder) / "arm", name="arm", items=items)
        assert back is loaded, "restore returns something else than the arm itself. Return self."
        expected, answers = answers_of(arm, train), answers_of(loaded, train)
        assert list(answers) == list(expected), (
            f"a loaded arm answers {sorted(answers)}, and a fitted one {sorted(expected)}. Give all of it in state."
        )
        for name, answer in expected.items():
            assert _bits(answer) == _bits(answers[name]), (
                f"{name}: a loaded arm's are not those of the arm that was saved. Give in state, and take in restore, "
                "every array and setting that they come from."
            )

    def test_reasons_belong_to_the_listed_items(self) -> None:
        train = self.world()
        arm, users = self.make().fit(train), train.users
        lists = np.concatenate([_best(arm, users, 3), np.full((len(users), 1), -1)], axis=1)
        reasons = arm.explain(users, lists)
        assert isinstance(reasons, Reasons), f"explain returns a {type(reasons).__name__}; return recsat.Reasons."
        for name, part in (("code", reasons.code), ("item", reasons.item)):
            assert part.shape == lists.shape, f"explain: {name} has shape {part.shape}; return {lists.shape}."
        assert reasons.item.dtype == np.int64, f"explain: item is {reasons.item.dtype}; return int64."
        assert (reasons.item[:, 3] == -1).all(), "explain names a history item for an empty list place (-1). Give -1."
        row, place = np.nonzero(reasons.item >= 0)
        liked = users.history.toarray()[row, reasons.item[row, place]] > 0
        assert liked.all(), "explain names an item that is not in the user's history."
        names_items = len(row) > 0
        assert names_items or self.reasons == "none", (
            'explain names no history item at all. Name one, or set reasons = "none" in the test.'
        )
        assert not (names_items and self.reasons == "none"), (
            'explain names history items. Set reasons = "any" or "largest".'
        )

    def test_taking_the_named_reason_away_lowers_the_score(self) -> None:
        self._take_reasons_away(self.world())

    def test_taking_the_named_reason_away_lowers_the_score_of_items_nobody_used(self) -> None:
        self._take_reasons_away(without_events_on(self.world(), slice(3)))

    def _take_reasons_away(self, train: TrainingData) -> None:
        if self.reasons == "none":
            pytest.skip("the arm names no history items")
        arm, users = self.make().fit(train), train.users
        lists = np.concatenate([_best(arm, users, 3), np.tile([0, 1, 2], (len(users), 1))], axis=1)
        because = arm.explain(users, lists).item
        share = (because[:, :3] >= 0).mean()
        assert share >= 0.56, f"only {share:.0%} of the three best items of each user have a reason."
        for user in range(0, len(users), 7):
            history = users.history[[user]].indices
            before = arm.score(users.take(np.array([user])))[0, lists[user]].numpy()
            after = arm.score(_each_left_out(users.take(np.array([user]))))[:, lists[user]].numpy()
            for place in np.flatnonzero(because[user] >= 0):
                reason, item = because[user, place], lists[user, place]
                assert reason in history, (
                    f"user {user}, item {item}: the reason {reason} is not one of the user's own items."
                )
                without = after[history == reason, place][0]
                assert without < before[place], (
                    f"user {user}, item {item}: the score is {before[place]:.5g}, and {without:.5g} without the item "
                    f"{reason} that explain gives as the reason. Name an item whose absence lowers the score."
                )
                least = after[:, place].min()
                slack = 1e-3 * abs(before[place]) + ABSOLUTE
                assert self.reasons == "any" or without <= least + slack, (
                    f"user {user}, item {item}: the reason {reason} lowers the score to {without:.5g}, and another "
                    f'history item to {least:.5g}. Name that one, or set reasons = "any".'
                )


def _best(arm: Recommender, users: UserBatch, k: int) -> NDArray[np.int64]:
    """Each user's k best items without those of the history, (n_users, k)."""
    met = torch.from_numpy(users.history.toarray() > 0)
    best: NDArray[np.int64] = arm.score(users).cpu().masked_fill(met, float("-inf")).topk(k, dim=1).indices.numpy()
    return best


def answers_of(arm: Recommender, train: TrainingData) -> dict[str, NDArray[Any]]:
    """All that a fitted arm says of the training users, by what it is."""
    users = train.users
    lists = np.concatenate([_best(arm, users, 3), np.full((len(users), 1), -1)], axis=1)
    reasons = arm.explain(users, lists)
    answers: dict[str, NDArray[Any]] = {
        "scores": arm.score(users).cpu().numpy(),
        "scores at candidates": arm.score(users, torch.from_numpy(lists)).cpu().numpy(),
        "reasons": reasons.code,
        "items of reasons": reasons.item,
    }
    answers |= {f"queries {name!r}": queries for name, queries in arm.queries(users).items()}
    answers |= {f"stored vectors {name!r}": vectors for name, vectors in arm.stored_vectors().items()}
    near = arm.neighbours(users, 5)
    if near is not None:
        answers["neighbours"] = near
    if isinstance(arm, RatingPredictor):
        answers["predicted ratings"] = arm.predict_ratings(users, lists)
    return answers


def _bits(array: NDArray[Any]) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, array.tobytes()


def _each_left_out(user: UserBatch) -> UserBatch:
    """One user for each liked item of a single ``user``, who has all the others, and their ratings."""
    liked = user.history.indices
    histories = np.tile(user.history.toarray(), (len(liked), 1))
    histories[np.arange(len(liked)), liked] = 0
    return _with_histories(
        histories, None if user.ratings is None else vstack([_without(user.ratings, int(i)) for i in liked])
    )


def _without(ratings: csr_array, item: int) -> csr_array:
    """A row without the rating of ``item``; one of 0 elsewhere stays."""
    others = ratings.indices != item
    indices = ratings.indices[others]
    return csr_array((ratings.data[others], indices, np.array([0, len(indices)])), shape=ratings.shape)


def _with_histories(histories: NDArray[np.float32], ratings: csr_array | None = None) -> UserBatch:
    return UserBatch([f"new {row}" for row in range(len(histories))], csr_array(histories), ratings=ratings)


def _assert_close(scores: Tensor, expected: Tensor, message: str) -> None:
    gap = float((scores.cpu() - expected.cpu()).abs().max())
    assert torch.allclose(scores.cpu(), expected.cpu(), rtol=RELATIVE, atol=ABSOLUTE), (
        f"{message} They differ by {gap:.3g}."
    )
