"""The default arm: each single part is inside the family, scores add up, reasons are true, new items take part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.hybrid import hybrid
from recsat.arms.hybrid.choices import Choices
from recsat.arms.hybrid.holdout import hold_outs, mostly_unseen, n_dead, p_dead
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.hybrid.merge import Heads, Merge
from recsat.arms.hybrid.parts import Aligned, Factors, Foretold, Level, Liked, Likeness, Order, Together
from recsat.arms.hybrid.search import NO_TEXT, Parts, search
from recsat.arms.hybrid.stack import Candidates, Stack
from recsat.arms.hybrid.trial import Trial
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.testing.worlds import taste_groups, training_data, without_events_on


@pytest.fixture
def with_new_items(blocks: TrainingData) -> TrainingData:
    return without_events_on(blocks, slice(3))  # one item of each taste group has no events


def without_taste(seed: int = 0, n_users: int = 300, n_items: int = 40) -> TrainingData:
    """Likes by popularity alone, texts that say nothing."""
    rng = np.random.default_rng(seed)
    histories = rng.random((n_users, n_items)) < np.geomspace(0.6, 0.02, n_items)
    vectors = rng.standard_normal((n_items, 8)).astype(np.float32)
    return training_data(histories.astype(np.float32), vectors / np.linalg.norm(vectors, axis=1, keepdims=True), seed)


def test_where_there_is_no_taste_the_list_is_that_of_popularity() -> None:
    train = replace(without_taste(), protocol="random")
    fitted = Hybrid().fit(train)
    scores = fitted.score(train.users).masked_fill(torch.from_numpy(train.users.history.toarray() > 0), float("-inf"))
    by_popularity = torch.from_numpy(train.popularity).expand_as(scores).masked_fill(torch.isinf(scores), float("-inf"))
    best, expected = scores.topk(5, dim=1).indices, by_popularity.topk(5, dim=1).indices
    alike = (best[:, :, None] == expected[:, None, :]).any(dim=2).float().mean()
    assert alike > 0.8


def single_copies(n_tastes: int = 15, users_of_taste: int = 10, n_likes: int = 8) -> TrainingData:
    """A shop of used goods: everything is liked once, by somebody of its taste, which its text tells; two of ten are still there."""
    n_users = n_tastes * users_of_taste
    per_user = n_likes + 2
    owner = np.repeat(np.arange(n_users), per_user)
    taste = owner % n_tastes
    is_liked = np.tile(np.arange(per_user) < n_likes, n_users)
    histories = np.zeros((n_users, len(owner)), dtype=np.float32)
    histories[owner[is_liked], np.flatnonzero(is_liked)] = 1
    noise = np.random.default_rng(8).standard_normal((len(owner), 32)) / 8
    vectors = np.hstack([np.eye(n_tastes)[taste], noise]).astype(np.float32)
    return training_data(histories, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize("protocol", ["last-n", "mixed", "random"])
def test_where_every_item_is_liked_once_lists_are_of_the_users_taste(protocol: str) -> None:
    """Popularity says nothing then, and its spread is rounding: nothing may be divided by that."""
    world = single_copies()
    history = world.users.history
    times = csr_array((np.tile(np.arange(8.0), 150), history.indices, history.indptr), shape=history.shape)
    train = replace(world, users=replace(world.users, times=times), protocol=protocol)
    is_new = torch.from_numpy(train.popularity == 0)
    scores = Hybrid().fit(train).score(train.users)
    assert torch.isfinite(scores).all()
    top = scores.masked_fill(~is_new, float("-inf")).topk(10, dim=1).indices
    taste = (torch.arange(1_500) // 10) % 15
    assert (taste[top] == (torch.arange(150) % 15)[:, None]).float().mean() > 0.9
    lists = scores.masked_fill(torch.from_numpy(history.toarray() > 0), float("-inf")).topk(10, dim=1).indices
    assert is_new[lists].float().mean() > 0.5, "what somebody has bought is gone"


def test_where_texts_say_nothing_they_get_no_weight() -> None:
    train = taste_groups()
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(train.vectors["text"].shape).astype(np.float32)
    fitted = Hybrid().fit(replace(train, vectors={"text": noise, "raw": noise}, protocol="random"))
    texts = sum(
        weight for name, weight in fitted.selection.warm.weights.items() if name.startswith(("aligned", "likeness"))
    )
    assert texts <= 0.2 * sum(fitted.selection.warm.weights.values())


def test_new_items_are_ranked_by_taste_among_themselves_and_next_to_warm_ones(blocks: TrainingData) -> None:
    with_new_items = replace(without_events_on(blocks, slice(3)), protocol="mixed")
    fitted = Hybrid().fit(with_new_items)
    scores = fitted.score(with_new_items.users)
    group = torch.arange(60) % 3
    assert (scores[:, :3].argmax(dim=1) == group).float().mean() > 0.9
    unseen = torch.from_numpy(with_new_items.users.history.toarray() == 0)
    top = scores.masked_fill(~unseen, float("-inf")).topk(5, dim=1).indices
    assert 0 < (top < 3).float().mean() < 0.5, "neither shut out nor flooding the list"


def test_items_that_had_every_chance_do_not_flood_the_lists(blocks: TrainingData) -> None:
    """A catalogue of which most is dead: a random hold-out has no like on it, so it comes last."""
    dead = 60
    histories = np.hstack([blocks.users.history.toarray(), np.zeros((60, dead))]).astype(np.float32)
    vectors = np.vstack([blocks.vectors["text"], np.tile(blocks.vectors["text"], (2, 1))])
    train = replace(training_data(histories, vectors), protocol="random")
    top = Hybrid().fit(train).score(train.users)
    top = top.masked_fill(torch.from_numpy(histories > 0), float("-inf")).topk(5, dim=1).indices
    assert (top >= 30).float().mean() < 0.01


@pytest.mark.parametrize("protocol", ["random", "mixed", "cold-items", "timeline", "last-n", None])
def test_it_is_fitted_for_every_protocol(blocks: TrainingData, protocol: str | None) -> None:
    history = blocks.users.history
    seconds = np.random.default_rng(0).permutation(history.nnz).astype(float)
    times = csr_array((seconds, history.indices, history.indptr), shape=history.shape)
    train = replace(blocks, users=replace(blocks.users, times=times), protocol=protocol)
    fitted = Hybrid().fit(train)
    assert torch.isfinite(fitted.score(blocks.users)).all()
    assert fitted.selection.warm.weights


def test_what_follows_what_is_found_where_the_next_item_is_judged() -> None:
    """Everybody goes round a ring of items from a place of their own: only order tells what is next."""
    rng = np.random.default_rng(0)
    n_users, n_items, length = 120, 24, 6
    start = rng.integers(0, n_items, n_users)
    places = (start[:, None] + np.arange(length)) % n_items
    rows = np.repeat(np.arange(n_users), length)
    order = np.lexsort((places.ravel(), rows))
    history = csr_array((np.ones(rows.size, dtype=np.float32), (rows, places.ravel())), shape=(n_users, n_items))
    seconds = np.tile(np.arange(length), n_users)[order].astype(float) + 1
    vectors = rng.standard_normal((n_items, 8)).astype(np.float32)
    world = training_data(history.toarray(), vectors)
    times = csr_array((seconds, world.users.history.indices, world.users.history.indptr), shape=history.shape)
    train = replace(world, users=replace(world.users, times=times), protocol="last-n")
    fitted = Hybrid().fit(train)
    assert fitted.total.order is not None
    scores = fitted.score(train.users).masked_fill(torch.from_numpy(history.toarray() > 0), float("-inf"))
    assert (scores.argmax(dim=1).numpy() == (start + length) % n_items).mean() > 0.9


@pytest.mark.parametrize("dense_limit", [20_000, 10])
def test_the_parts_of_a_score_add_up_and_are_of_their_items(with_new_items: TrainingData, dense_limit: int) -> None:
    arm = Hybrid(dense_limit=dense_limit).fit(with_new_items)
    arm.selection = replace(arm.selection, merge=Merge(0.7, 1.5))
    arm.gain = torch.linspace(0.5, 2, 30)
    arm.unseen_total.levels = {"foretold text": Level(torch.linspace(-1, 1, 30))}
    arm.total.levels = {"popularity": Level(torch.linspace(0, 1, 30))}
    items = np.tile(np.arange(30), (60, 1))
    parts = arm.parts(with_new_items.users, items)
    np.testing.assert_allclose(sum(parts.values()), arm.score(with_new_items.users).numpy(), rtol=1e-4, atol=1e-4)
    unseen = [name for name in parts if "unseen" in name]
    assert len(unseen) == 3
    for name, part in parts.items():
        of_others = part[:, 3:] if name in unseen else part[:, :3]
        assert not of_others.any(), f"{name} is of other items"
        assert part.any(), name


def test_the_reason_for_a_new_item_is_likeness_and_for_a_warm_one_that_it_was_liked(
    with_new_items: TrainingData,
) -> None:
    fitted = Hybrid().fit(with_new_items)
    group = np.arange(60) % 3
    reasons = fitted.explain(with_new_items.users, np.stack([group, group + 6], axis=1))
    named = reasons.item >= 0
    assert named.mean() > 0.9
    assert set(reasons.code[:, 0][named[:, 0]]) == {"similar"}
    assert set(reasons.code[:, 1][named[:, 1]]) == {"because"}


@pytest.mark.parametrize("offset", [-0.6, 0.0, 0.6])
def test_the_history_item_that_is_named_is_the_one_without_which_the_score_is_lowest(
    with_new_items: TrainingData, offset: float
) -> None:
    """By taking each away: warm items with every part in their score, and new ones, whose offset takes a step besides."""
    fitted = Hybrid().fit(with_new_items)
    fitted.selection = replace(fitted.selection, merge=Merge(offset, 0.5))
    fitted.total.levels = {"popularity": Level(torch.linspace(0, 0.3, 30))}
    fitted.unseen_total.levels = {"foretold text": Level(torch.linspace(0.2, -0.2, 30))}
    users, listed = with_new_items.users, np.tile(np.array([0, 1, 2, 9, 17]), (60, 1))
    because = fitted.explain(users, listed).item
    before = fitted.score(users)[:, listed[0]]
    for user in range(60):
        history = users.history[[user]].indices
        left_out = users.history[[user] * len(history)].toarray()
        left_out[np.arange(len(history)), history] = 0
        after = fitted.score(UserBatch(["x"] * len(history), csr_array(left_out)))[:, listed[0]]
        lost = (before[user] - after).numpy()
        for place in range(5):
            if because[user, place] >= 0:
                named = list(history).index(because[user, place])
                assert lost[named, place] > 0
                assert lost[named, place] == pytest.approx(lost[:, place].max(), abs=1e-3)
            elif place > 2:
                assert lost[:, place].max() < 1e-3


@pytest.mark.parametrize("n_users", [0, 3])
def test_without_likes_it_is_fitted_all_the_same(blocks: TrainingData, n_users: int) -> None:
    users = UserBatch(ids=[f"u{i}" for i in range(n_users)], history=csr_array((n_users, 30), dtype=np.float32))
    fitted = Hybrid().fit(replace(blocks, users=users))
    assert torch.isfinite(fitted.score(blocks.users)).all()


def test_one_user_alone_is_fitted_without_a_fault(blocks: TrainingData) -> None:
    few = replace(blocks, users=UserBatch(ids=["a"], history=blocks.users.history[[0]]))
    assert torch.isfinite(Hybrid().fit(few).score(few.users)).all()


@pytest.mark.parametrize(
    "parameters",
    [{"held_out": 0.0}, {"held_out": 1.0}, {"rounds": 0}, {"n_errors": -1.0}, {"representation": "letters"}],
)
def test_settings_that_make_no_sense_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Hybrid(**parameters)  # type: ignore[arg-type]


def test_settings_are_in_units_of_the_data_so_twice_the_users_choose_the_same(blocks: TrainingData) -> None:
    """The weights of everybody twice, with the same recipe, are the weights."""
    twice = replace(blocks, users=blocks.users.take(np.tile(np.arange(60), 2)))
    for recipe in (Together(3.0, 0.5), Together(3.0, 0.5, prior=5.0, vector="text"), Order(3.0, history_decay=None)):
        one, other = recipe.fit(blocks).weights, recipe.fit(twice).weights
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_likeness_ranks_as_cosine_and_a_level_grows_with_the_root_of_the_history(blocks: TrainingData) -> None:
    E = blocks.vectors["text"]
    scores = Likeness("text").fit(blocks).score(blocks.users).numpy()
    np.testing.assert_allclose(scores, blocks.users.history @ E @ E.T, rtol=1e-4, atol=1e-5)
    level = Level(torch.arange(30.0)).score(blocks.users)
    torch.testing.assert_close(level[:, 7], 7 * torch.from_numpy(np.sqrt(blocks.users.lengths)).float())


def test_a_part_alone_in_the_stack_ranks_as_the_part(blocks: TrainingData) -> None:
    """Every single part is inside the family: a stack of one is that arm's ranking."""
    from recsat.arms.hybrid.holdout import draws_of_items, hold_out
    from recsat.arms.hybrid.trial import Trial

    rng = np.random.default_rng(0)
    parts = search(
        [Trial(hold_out(blocks, next(draws_of_items(blocks, 0.2, rng)), share=0.2, rng=rng), rng)],
        ["text"],
        dense=True,
        by_time=False,
    )
    for name, recipe in parts.warm.items():
        alone = Choices(parts.warm, parts.unseen, Stack({name: 1.0}), Stack({"aligned text": 1.0}), Merge())
        arm = Hybrid(choices=alone.to_json()).fit(blocks)
        ours, theirs = arm.score(blocks.users), recipe.fit(blocks).score(blocks.users)
        assert (ours.argsort(dim=1)[:, -5:] == theirs.argsort(dim=1)[:, -5:]).float().mean() > 0.99, name


def tastes_of_users(n_users: int = 300, n_items: int = 150) -> TrainingData:
    """Six tastes, which texts tell; popular items first."""
    rng = np.random.default_rng(12)
    taste = rng.integers(6, size=n_items)
    histories = np.zeros((n_users, n_items), dtype=np.float32)
    for user in range(n_users):
        p = np.arange(1.0, n_items + 1) ** -0.6 * np.where(taste == rng.integers(6), 15.0, 1.0)
        histories[user, rng.choice(n_items, rng.integers(5, 15), replace=False, p=p / p.sum())] = 1
    vectors = np.hstack([np.eye(6)[taste], rng.standard_normal((n_items, 10)) / 8]).astype(np.float32)
    return training_data(histories, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_factors_are_without_texts_where_these_mislead() -> None:
    from recsat.arms.hybrid.holdout import draws_of_items, hold_out
    from recsat.arms.hybrid.trial import Trial

    world = tastes_of_users()
    others = world.vectors["text"][np.random.default_rng(1).permutation(len(world.catalogue))]
    misled = replace(world, vectors={**world.vectors, "text": others})
    plain = Factors("text", map_l2=NO_TEXT)
    of_either = [plain.fit(train).score(world.users) for train in (world, misled)]
    torch.testing.assert_close(*of_either, rtol=1e-3, atol=1e-4)
    rng = np.random.default_rng(0)
    trial = Trial(hold_out(misled, next(draws_of_items(misled, 0.0, rng)), share=0.2, rng=rng), rng)
    recipe = search([trial], ["text"], dense=True, by_time=False).warm["factors"]
    assert isinstance(recipe, Factors)
    assert recipe.map_l2 == NO_TEXT


def test_of_a_large_catalogue_one_setting_of_each_kind_is_tried(
    blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.search.LARGE", 10)
    history = blocks.users.history
    seconds = np.random.default_rng(0).permutation(history.nnz).astype(float)
    times = csr_array((seconds, history.indices, history.indptr), shape=history.shape)
    train = replace(blocks, users=replace(blocks.users, times=times), protocol="last-n")
    fitted = Hybrid().fit(train)
    names = {"popularity", "together text", "order", "order text", "aligned text", "likeness text"}
    assert set(fitted.selection.warm.weights) <= names
    group = torch.arange(60) % 3
    scores = fitted.score(train.users).masked_fill(torch.from_numpy(history.toarray() > 0), float("-inf"))
    assert (scores.argmax(dim=1) % 3 == group).float().mean() > 0.8


def test_both_sums_are_in_units_of_their_spread_among_the_items_that_they_rank(
    with_new_items: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What offset and slope were learnt for: unseen scores by unseen items, warm ones by warm items that were not met."""
    monkeypatch.setattr(hybrid, "FEWEST_UNSEEN", 3)
    arm = Hybrid().fit(replace(with_new_items, protocol="mixed"))
    users = with_new_items.users
    per_root = torch.from_numpy(np.sqrt(users.lengths)).float()[:, None]
    met, warm = torch.from_numpy(users.history.toarray() > 0), arm.warm.expand(60, -1)
    cpu = torch.device("cpu")
    unseen = (arm.unseen_total.sum_on(cpu).score(users) / per_root)[~warm]
    assert float(unseen.std(correction=0)) == pytest.approx(1, rel=1e-3)
    ranked = (arm.total.sum_on(cpu).score(users) * arm.gain / per_root)[warm & ~met]
    assert float(ranked.std(correction=0)) == pytest.approx(1, rel=1e-3)


def test_a_single_unseen_item_is_scored_in_the_units_of_all_items() -> None:
    """In its own, which are the spread of users alone, it stood first in every list."""
    train = replace(without_events_on(taste_groups(), slice(1)), protocol="random")
    liked, likeness = {"liked": Liked()}, {"likeness": Likeness("text")}
    choices = Choices(liked, likeness, Stack({"liked": 1.0}, {"popularity": 0.0}), Stack({"likeness": 1.0}), Merge())
    arm = Hybrid(choices=choices.to_json()).fit(train)
    per_root = torch.from_numpy(np.sqrt(train.users.lengths)).float()[:, None]
    scores = arm.unseen_total.sum_on(torch.device("cpu")).score(train.users) / per_root
    not_met = torch.from_numpy(train.users.history.toarray() == 0)
    assert float(scores[not_met].std(correction=0)) == pytest.approx(1, rel=1e-3)
    assert float(scores[:, 0].std(correction=0)) != pytest.approx(1, rel=1e-2)


def test_of_unseen_items_those_whose_texts_are_like_dead_ones_come_last() -> None:
    """Half of the texts are of a kind that nobody ever chose; taste says nothing between the kinds."""
    rng = np.random.default_rng(0)
    n_users, n_alive = 200, 40
    histories = np.zeros((n_users, 2 * n_alive), dtype=np.float32)
    histories[:, : n_alive - 8] = rng.random((n_users, n_alive - 8)) < 0.3
    vectors = 0.3 * rng.standard_normal((2 * n_alive, 8)).astype(np.float32)
    vectors[:n_alive, 0] += 1
    vectors[n_alive:, 0] -= 1
    train = replace(training_data(histories, vectors), protocol="mixed")
    level = Foretold("text").fit(train).values
    new, dead = slice(n_alive - 8, n_alive), slice(n_alive, None)
    assert float(level[new].min()) > float(level[dead].max())
    top = Hybrid().fit(train).score(train.users)
    top = top.masked_fill(torch.from_numpy(histories > 0), float("-inf")).topk(10, dim=1).indices
    assert (top >= n_alive).float().mean() < 0.02


@pytest.mark.parametrize("n_errors", [1.0, 2.0])
def test_unseen_items_have_the_share_of_a_list_that_they_have_of_the_likes_to_come(n_errors: float) -> None:
    """A fifth of 100 items is hidden, as the split that judges hides them: more than half of the likes to come are of these, of three worlds on average."""
    gaps = [gap_of_unseen(world, n_errors) for world in range(3)]
    assert abs(np.mean(gaps)) < 0.15


def gap_of_unseen(world: int, n_errors: float) -> float:
    """Share of unseen items in lists of ten minus that in the likes to come."""
    rng = np.random.default_rng(world)
    items, tastes = rng.standard_normal((100, 4)), rng.standard_normal((150, 4))
    likes = tastes @ items.T + 0.7 * rng.standard_normal((150, 100)) > 1.8
    hidden = np.arange(100) < 20
    known = likes & ~hidden & (rng.random(likes.shape) < 0.8)
    vectors = (items + 0.8 * rng.standard_normal(items.shape)).astype(np.float32)
    train = replace(training_data(known.astype(np.float32), vectors), protocol="mixed")
    scores = Hybrid(n_errors=n_errors).fit(train).score(train.users).masked_fill(torch.from_numpy(known), float("-inf"))
    share = float((scores.topk(10, dim=1).indices < 20).float().mean())
    return share - float((likes & hidden).sum() / (likes & ~known).sum())


def test_what_a_text_foretells_is_learnt_of_items_by_how_likely_they_were_not_chosen() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, 4)).astype(np.float32)
    likes = (rng.random((20, 30)) < 0.4).astype(np.float32)
    likes[:, 20:] = 0
    train = training_data(likes, vectors)
    E, y = train.vectors["text"].astype(float), np.log1p(likes.sum(axis=0))
    unit = (E**2).sum() / 4
    for p in (0.0, 0.3, 1.0):
        p_dead = np.where(train.warm, 0, np.float32(p)).astype(np.float32)
        d = np.where(train.warm, 1.0, p)
        b = E @ np.linalg.solve((E.T * d) @ E + unit * np.eye(4), (E.T * d) @ (y - d @ y / d.sum()))
        np.testing.assert_allclose(Foretold("text").fit(train, p_dead).values.numpy(), b, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(Foretold("text").fit(train).values, Foretold("text").fit(train, p_dead).values)


@pytest.mark.parametrize("protocol", ["mixed", "timeline"])
def test_hold_outs_and_the_fit_learn_what_texts_foretell_without_what_the_split_hid(protocol: str) -> None:
    rng = np.random.default_rng(0)
    likes = (rng.random((60, 40)) < 0.3).astype(np.float32)
    likes[:, 28:] = 0
    train = replace(training_data(likes, rng.standard_normal((40, 4)).astype(np.float32)), protocol=protocol)
    recipe, dead = Foretold("text"), n_dead(train, 0.2)
    expected = recipe.fit(train, p_dead(train, dead)).values.numpy()
    choices = Choices(
        {"liked": Liked()}, {"foretold": recipe}, Stack({"liked": 1.0}), Stack({"foretold": 1.0}), Merge(), n_dead=dead
    )
    level = Hybrid(choices=choices.to_json()).fit(train).unseen_total.level.numpy()
    assert np.corrcoef(level, expected)[0, 1] == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(level, recipe.fit(train).values)[0, 1] < 1 - 1e-3 or protocol == "timeline"
    trial = Trial(next(hold_outs(train, share=0.2, rounds=1, rng=rng)), rng)
    fitted, of_trial = trial.fits.fitted(recipe), recipe.fit(trial.train, trial.split.p_dead)
    assert isinstance(fitted, Level)
    torch.testing.assert_close(fitted.values, of_trial.values)


def test_of_a_model_that_knows_all_events_what_nobody_chose_is_dead_as_when_its_settings_were_sought() -> None:
    """Of 40 items 5 are dead and the split hid 7: sought without these, used where nothing is hidden."""
    rng = np.random.default_rng(0)
    everything = (rng.random((60, 40)) < 0.3).astype(np.float32)
    everything[:, 35:] = 0
    known = everything * (np.arange(40) < 28)
    vectors = rng.standard_normal((40, 4)).astype(np.float32)
    before, at_end = (replace(training_data(likes, vectors), protocol="mixed") for likes in (known, everything))
    choices = Hybrid().choose(before)
    assert choices["n_dead"] == pytest.approx(5)
    dead = Choices.of_json(choices).n_dead
    assert (p_dead(at_end, dead)[35:] == 1).all()
    forgotten = {name: value for name, value in choices.items() if name != "n_dead"}
    assert Choices.of_json(forgotten).n_dead is None, "of those that were kept before all without a like are dead"
    recipe = Foretold("text")
    alone = Choices(
        {"liked": Liked()}, {"foretold": recipe}, Stack({"liked": 1.0}), Stack({"foretold": 1.0}), Merge(), n_dead=dead
    )
    level = Hybrid(choices=alone.to_json()).fit(at_end).unseen_total.level.numpy()
    assert np.corrcoef(level, recipe.fit(at_end).values)[0, 1] == pytest.approx(1, abs=1e-5)


def test_warm_items_are_ranked_by_what_halves_of_the_users_choose(
    blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the seed of the data, which draws the halves."""
    of_halves, seeds = Stack({"popularity": 0.5, "likeness text": 0.5}), []

    def fitted(rounds: object, *, n_errors: float, seed: int) -> Stack:
        seeds.append((n_errors, seed))
        return of_halves

    monkeypatch.setattr(hybrid, "fit_mean_stack", fitted)
    assert Hybrid(n_errors=1.5).fit(replace(blocks, protocol="random")).selection.warm == of_halves
    assert seeds == [(1.5, blocks.seed)]


def test_from_a_handful_of_likes_texts_alone_rank(blocks: TrainingData) -> None:
    few = replace(blocks, users=blocks.users.take(slice(0, 3)), protocol="random")
    fitted = Hybrid().fit(few)
    ours, likeness = fitted.score(blocks.users), Likeness("text").fit(few).score(blocks.users)
    assert (ours.argsort(dim=1)[:, -5:] == likeness.argsort(dim=1)[:, -5:]).float().mean() > 0.99
    assert fitted.summary == "texts alone: likeness text"


def test_where_most_items_have_no_like_texts_alone_rank_unless_more_is_shown_to_be_better() -> None:
    rng = np.random.default_rng(0)
    of_item, of_user = np.arange(300) % 30, np.arange(40) % 30
    texts = rng.standard_normal((30, 16)).astype(np.float32)[of_item] + 0.05 * rng.standard_normal((300, 16)).astype(
        np.float32
    )
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    likes = np.zeros((40, 300), dtype=np.float32)
    for row, group in zip(likes, of_user, strict=True):
        row[rng.choice(np.flatnonzero(of_item == group), 4, replace=False)] = 1
    train = replace(training_data(likes, texts, 0), protocol="random")
    assert Hybrid().fit(train).summary == "texts alone: likeness text"
    # Each user has two of three popular items and six that nobody else has, and texts say nothing: popularity is shown to be better.
    likes = np.zeros((40, 243), dtype=np.float32)
    for user, row in enumerate(likes):
        row[rng.choice(3, 2, replace=False)] = 1
        row[3 + 6 * user : 9 + 6 * user] = 1
    misled = replace(training_data(likes, rng.permutation(texts)[:243], 0), protocol="random")
    assert mostly_unseen(misled)
    assert not Hybrid().fit(misled).summary.startswith("texts alone")


@pytest.mark.parametrize(
    ("protocol", "large", "n"),
    [("random", False, 1), ("mixed", False, 3), ("mixed", True, 1), ("cold-items", True, 3), (None, False, 3)],
)
def test_where_a_split_hides_items_several_draws_of_them_are_looked_at(
    blocks: TrainingData, monkeypatch: pytest.MonkeyPatch, protocol: str | None, large: bool, n: int
) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.hybrid.ENOUGH_USERS", 10)
    monkeypatch.setattr("recsat.arms.hybrid.hybrid.LARGE", 3 if large else 300)
    trials = Hybrid()._trials(replace(blocks, protocol=protocol), np.random.default_rng(0))
    assert len(trials) == n


@pytest.mark.parametrize(
    ("protocol", "test_share", "share"),
    [("mixed", 0.4, 0.4), ("cold-items", 0.1, 0.1), ("mixed", None, 0.25), ("random", 0.4, 0.25)],
)
def test_hold_outs_hide_the_share_of_items_that_the_split_hid(
    blocks: TrainingData, protocol: str, test_share: float | None, share: float
) -> None:
    likes = blocks.users.history.toarray()
    likes[:, :9] = 0
    train = replace(training_data(likes, blocks.vectors["text"]), protocol=protocol, test_share=test_share)
    arm = Hybrid(held_out=0.25)
    trials = arm._trials(train, np.random.default_rng(0))
    n_hidden = share * 21 / (2 if protocol == "random" else 1)
    assert {int(trial.hidden.sum()) for trial in trials} == {round(n_hidden)}
    of_others = [float(trial.split.hidden_likes[:, trial.train.warm].sum()) for trial in trials]
    assert np.mean(of_others) == pytest.approx(share * likes.sum() * (21 - n_hidden) / 21, rel=0.15)
    expected = None if protocol == "random" else max(0.0, 9 - share / (1 - share) * 21)
    assert arm.choose(train)["n_dead"] == (None if expected is None else pytest.approx(expected))


def test_unseen_items_start_from_equal_parts_of_taste() -> None:
    unseen = {
        "aligned text": Aligned(1.0, "text"),
        "likeness text": Likeness("text"),
        "foretold text": Foretold("text"),
    }
    assert Hybrid()._unseen_stack(Parts({}, unseen), []) == Stack({"aligned text": 1.0, "likeness text": 1.0})


def test_offset_and_slope_are_learnt_with_weights_that_have_not_seen_the_draw(
    blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks: dict[tuple[int, ...], Stack] = {}  # by the draws that they are of
    of_lists: list[Stack] = []

    def fitted(draws: Sequence[Candidates], **options: Any) -> Stack:
        return stacks.setdefault(tuple(id(one.liked) for one in draws), Stack({"likeness text": 1.0 + len(stacks)}))

    def of_trial(*values: Any) -> Heads:
        of_lists.append(values[-1])
        return heads(*values)

    heads = Hybrid._heads
    monkeypatch.setattr(hybrid, "fit_stack", fitted)
    monkeypatch.setattr(Hybrid, "_heads", staticmethod(of_trial))
    selection = Hybrid().fit(replace(blocks, protocol="mixed")).selection
    of_all = next(iter(stacks))
    assert stacks[of_all] == selection.unseen
    assert len(of_all) == hybrid.MOST_ROUNDS, "so few are the users"
    assert of_lists == [stacks[tuple(one for one in of_all if one != draw)] for draw in of_all]
