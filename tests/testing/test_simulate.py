"""The simulated world against its own truth: what is logged must be what the model says, within its standard error."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recsat import DataError
from recsat.testing.simulate import (
    START,
    SimulatorSettings,
    World,
    log_exposures,
    make_world,
    only,
    popularity_policy,
    return_probability,
    satisfaction_policy,
    true_click_rate,
    uniform_policy,
    visit_rate,
)
from recsat.testing.simulate_texts import draw_ties, item_texts, noise_texts

TOPICS = ("music", "food", "sport", "science")
WORDS = {topic: [f"{topic}{i}" for i in range(6)] for topic in TOPICS}
SMALL = SimulatorSettings(n_users=120, n_items=60, n_days=60)
Z = 4.0
"""Standard errors within which an estimate must lie; seeds are fixed, so a test passes always or never."""


def world(**changes: float) -> World:
    return make_world(TOPICS, SMALL.model_copy(update=changes))


def numbers(ids: pl.Series) -> NDArray[np.int64]:
    return ids.str.slice(1).cast(pl.Int64).to_numpy()


def within(estimates: NDArray[np.float64], truth: float) -> bool:
    """Whether the mean of independent estimates is within its standard error of the truth."""
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    return bool(abs(estimates.mean() - truth) < Z * error)


@pytest.mark.parametrize("target", ["satisfaction", "uniform"])
@pytest.mark.parametrize("sharpness", [0.0, 0.5])
def test_importance_weights_recover_the_click_rate_of_another_policy(target: str, sharpness: float) -> None:
    truth = world(policy_sharpness=sharpness)
    policy = satisfaction_policy(truth, 3.0) if target == "satisfaction" else uniform_policy(truth)
    log = log_exposures(truth, popularity_policy(truth))
    user, item = numbers(log["user_id"]), numbers(log["item_id"])
    weighted = log.select("user_id", v=pl.col("click") * pl.Series(policy[user, item]) / pl.col("propensity"))
    by_user = weighted.group_by("user_id").mean()
    assert by_user.height == SMALL.n_users
    assert within(by_user["v"].to_numpy(), true_click_rate(truth, policy))


def test_the_logged_click_rate_alone_says_another_thing() -> None:
    truth = world(policy_sharpness=0.0)
    log = log_exposures(truth, popularity_policy(truth))
    clicks = log.group_by("user_id").agg(pl.col("click").mean())["click"].to_numpy()
    assert within(clicks, true_click_rate(truth, popularity_policy(truth)))
    assert not within(clicks, true_click_rate(truth, satisfaction_policy(truth)))


def test_click_rate_at_a_position_is_examination_times_satisfaction() -> None:
    truth = world()
    log = log_exposures(truth, popularity_policy(truth))
    for position in range(1, SMALL.n_slots + 1):
        at = log.filter(pl.col("position") == position)
        expected = truth.examination[position - 1] * at["satisfaction"].to_numpy()
        residual = at["click"].to_numpy() - expected
        error = np.sqrt((expected * (1 - expected)).sum())
        assert abs(residual.sum()) < Z * error, f"position {position}"
    assert truth.examination[0] == 1
    assert truth.click_probability()[3, 4, 2] == pytest.approx(truth.satisfaction[3, 4] / 2)


def test_only_what_was_looked_at_is_clicked_and_the_first_position_always_is() -> None:
    truth = world()
    log = log_exposures(truth, popularity_policy(truth))
    assert log.filter(pl.col("click") & ~pl.col("examined")).is_empty()
    assert log.filter(pl.col("position") == 1)["examined"].all()


def test_items_are_shown_as_often_as_their_propensity_says() -> None:
    truth = world()
    policy = popularity_policy(truth)
    log = log_exposures(truth, policy)
    counts = np.bincount(numbers(log["item_id"]), minlength=SMALL.n_items)
    expected = policy[0] * log.height
    chi_square = ((counts - expected) ** 2 / expected).sum()
    freedom = SMALL.n_items - 1
    assert abs(chi_square - freedom) < Z * np.sqrt(2 * freedom)
    assert np.allclose(log["propensity"].to_numpy(), policy[numbers(log["user_id"]), numbers(log["item_id"])])


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), sharpness=st.floats(0, 5), n_items=st.integers(1, 30), n_users=st.integers(1, 20))
def test_propensities_sum_to_one(seed: int, sharpness: float, n_items: int, n_users: int) -> None:
    some = world(seed=seed, policy_sharpness=sharpness, n_items=n_items, n_users=n_users)
    for policy in (popularity_policy(some), satisfaction_policy(some), uniform_policy(some)):
        assert (policy >= 0).all()
        assert np.allclose(policy.sum(axis=1), 1)
    assert ((some.satisfaction > 0) & (some.satisfaction < 1)).all()


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    one, same, other = world(), world(), world(seed=1)
    assert np.array_equal(one.satisfaction, same.satisfaction)
    assert not np.array_equal(one.satisfaction, other.satisfaction)
    log, again = (log_exposures(w, popularity_policy(w)) for w in (one, same))
    assert log.equals(again)
    assert not log.equals(log_exposures(one, popularity_policy(one), seed=1))
    assert item_texts(one, WORDS).equals(item_texts(same, WORDS))
    assert draw_ties(one).equals(draw_ties(same))


def test_a_page_is_one_users_visit_with_every_position_once() -> None:
    log = log_exposures(world(), popularity_policy(world()))
    pages = log.group_by("page").agg(
        pl.col("user_id").n_unique(), pl.col("position").sort(), pl.col("timestamp").max() - pl.col("timestamp").min()
    )
    assert (pages["user_id"] == 1).all()
    assert (pages["position"].list.len() == SMALL.n_slots).all()
    assert pages["position"].unique().to_list() == [list(range(1, SMALL.n_slots + 1))]
    assert (pages["timestamp"] == timedelta(seconds=SMALL.n_slots - 1)).all()
    assert (log["timestamp"] >= START).all()


def test_users_whom_the_policy_satisfies_come_back_more_often() -> None:
    truth = world(n_days=200)
    for policy in (uniform_policy(truth), satisfaction_policy(truth)):
        log = log_exposures(truth, policy)
        visits = np.bincount(numbers(log.filter(pl.col("position") == 1)["user_id"]), minlength=SMALL.n_users)
        expected = visit_rate(truth, policy) * 200
        assert abs(visits.sum() - expected.sum()) < Z * np.sqrt(expected.sum())
        chi_square = ((visits - expected) ** 2 / expected).sum()
        assert abs(chi_square - SMALL.n_users) < Z * np.sqrt(2 * SMALL.n_users)
    assert visit_rate(truth, satisfaction_policy(truth)).sum() > visit_rate(truth, uniform_policy(truth)).sum()


@pytest.mark.parametrize("days", [1, 7])
def test_returns_follow_the_poisson_process(days: int) -> None:
    truth = world(n_days=200, visits_per_day=0.15)
    log = log_exposures(truth, popularity_policy(truth)).filter(pl.col("position") == 1)
    window = timedelta(days=days)
    first = log.group_by("user_id").agg(first=pl.col("timestamp").min())
    # A window after the first visit of each user; the first visit is early, so all windows end before the log does.
    first = first.filter(pl.col("first") + 2 * window <= START + timedelta(days=200))
    later = log.join(first, on="user_id").filter(
        pl.col("timestamp").is_between("first", pl.col("first") + window, "right")
    )
    returned = first["user_id"].is_in(later["user_id"].unique().implode()).to_numpy().astype(float)
    chance = return_probability(visit_rate(truth, popularity_policy(truth)), days)[numbers(first["user_id"])]
    error = np.sqrt((chance * (1 - chance)).sum())
    assert len(returned) > 100
    assert abs((returned - chance).sum()) < Z * error


def test_noise_texts_are_texts_of_other_items_and_say_nothing_of_their_own() -> None:
    truth = world(n_items=2000)
    texts, noise = item_texts(truth, WORDS), noise_texts(truth, WORDS)
    assert noise.equals(noise_texts(truth, WORDS))
    assert noise["item_id"].equals(texts["item_id"])
    shares = np.stack([noise["description"].str.count_matches(topic).to_numpy() / 8 for topic in TOPICS], axis=1)
    of_texts, of_noise = (
        np.corrcoef(truth.item_topics[:, 0], column)[0, 1]
        for column in (texts["description"].str.count_matches(TOPICS[0]).to_numpy(), shares[:, 0])
    )
    assert of_texts > 0.8
    assert abs(of_noise) < Z / np.sqrt(2000)
    assert np.allclose(shares.mean(axis=0), truth.item_topics.mean(axis=0), atol=0.03)


def test_texts_follow_topics() -> None:
    truth = world(n_items=300)
    texts = item_texts(truth, WORDS, n_words=10)
    words = texts.select(pl.col("description").str.split(" ").explode())["description"]
    topic = words.str.strip_chars("0123456789").to_numpy().reshape(300, 10)
    shares = np.stack([(topic == name).mean(axis=1) for name in TOPICS], axis=1)
    error = np.sqrt((truth.item_topics * (1 - truth.item_topics) / 10).sum(axis=0)) / 300
    assert (np.abs((shares - truth.item_topics).mean(axis=0)) < Z * error).all()
    assert np.corrcoef(shares.ravel(), truth.item_topics.ravel())[0, 1] > 0.9
    main = [TOPICS[i] for i in truth.item_topics.argmax(axis=1)]
    assert texts["topics"].list.first().to_list() == main
    assert [title.split(" ")[1].rstrip("0123456789") for title in texts["title"]] == main
    assert texts["title"].n_unique() == 300


def test_ties_are_homophilous_and_as_many_as_asked_for() -> None:
    truth = world(n_users=300)
    unit = truth.tastes / np.linalg.norm(truth.tastes, axis=1, keepdims=True)
    everybody = (unit @ unit.T)[np.triu_indices(300, k=1)].mean()
    ties = draw_ties(truth, mean_friends=8.0)
    one, other = numbers(ties["user_id"]), numbers(ties["other_id"])
    assert (one < other).all()
    assert ties.select("user_id", "other_id").is_unique().all()
    assert 2 * ties.height / 300 == pytest.approx(8.0, rel=0.15)
    assert (unit[one] * unit[other]).sum(axis=1).mean() > everybody + 0.2
    blind = draw_ties(truth, mean_friends=8.0, homophily=0.0)
    alike = (unit[numbers(blind["user_id"])] * unit[numbers(blind["other_id"])]).sum(axis=1).mean()
    assert alike == pytest.approx(everybody, abs=0.05)


def test_one_population_meets_several_catalogues_and_itself() -> None:
    posts = world()
    people = make_world(
        TOPICS, SMALL.model_copy(update={"n_items": 120, "seed": 7}), tastes=posts.tastes, item_topics=posts.tastes
    )
    assert people.tastes is posts.tastes
    assert people.satisfaction.shape == (120, 120)
    liked = people.satisfaction - people.satisfaction.mean(axis=0)
    match = posts.tastes @ posts.tastes.T
    assert np.corrcoef(liked.ravel(), (match / match.max(axis=1, keepdims=True)).ravel())[0, 1] > 0.7


def test_what_is_not_allowed_is_never_shown() -> None:
    posts = world()
    people = make_world(
        TOPICS, SMALL.model_copy(update={"n_items": 120}), tastes=posts.tastes, item_topics=posts.tastes
    )
    allowed = ~np.eye(120, dtype=bool)
    allowed[:, -1] = False  # the last item is where a sum rounded up would end
    policy = only(popularity_policy(people), allowed)
    assert np.allclose(policy.sum(axis=1), 1)
    log = log_exposures(people, policy)
    user, item = numbers(log["user_id"]), numbers(log["item_id"])
    assert allowed[user, item].all()
    assert (log["propensity"] > 0).all()


def test_faulty_policies_and_shapes_are_refused() -> None:
    some = world()
    with pytest.raises(DataError, match="sum to 1"):
        log_exposures(some, uniform_policy(some) / 2)
    with pytest.raises(DataError, match=r"\(users, items\) = \(120, 60\)"):
        log_exposures(some, uniform_policy(some)[:, :5])
    with pytest.raises(DataError, match="user 3 has no allowed item"):
        only(uniform_policy(some), np.arange(120)[:, None] != np.full((1, 60), 3))
    with pytest.raises(DataError, match="tastes: the shape is"):
        make_world(TOPICS, SMALL, tastes=some.tastes[:5])
