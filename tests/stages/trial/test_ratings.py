"""Rating errors of a small world: which ratings are held out, what may be known of them, and the numbers by other means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from pydantic import JsonValue
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from town import day, inputs

from recsat import Catalogue, Dataset, PluginError, RecommenderSpec
from recsat.arms.biased_mf import BiasedMF
from recsat.arms.popularity import Popularity
from recsat.config.settings import MeasureSettings, SplitSettings
from recsat.contract.interactions import UserBatch, user_batch
from recsat.data.split import Split, split_events
from recsat.result.model import RatingError
from recsat.stages.trial.fold import filter_context, serve_known
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.rated import raters_of, with_ratings
from recsat.stages.trial.ratings import BIASES, MEAN, rating_errors, rating_folds

LIKED = pl.col("value") >= 4
SETTINGS = MeasureSettings(n_bootstrap=200)
MF = RecommenderSpec(
    name="mf",
    description="Factors.",
    make=lambda **parameters: BiasedMF(factors=2, **parameters),
    grid={"l2": (2.0, 10_000.0)},
    predicts_ratings=True,
)
COUNTING = RecommenderSpec(name="popularity", description="Counts.", make=Popularity)
Predictors = Mapping[str, RecommenderSpec]


def fixed(name: str, spec: RecommenderSpec) -> Mapping[str, JsonValue]:
    return {}


def rating_world() -> RunInputs:
    """80 users with two tastes rate two thirds of 30 items, one a day; and look at some."""
    rng = np.random.default_rng(4)
    row, column = np.nonzero(rng.random((80, 30)) < 0.66)
    taste = np.where(row % 2 == column % 2, 1.0, -1.0)
    stars = np.clip(3 + taste + rng.normal(0, 0.5, 80)[row] + rng.normal(0, 0.7, len(row)), 0.5, 5).round(1)
    rated = pl.DataFrame(
        {
            "user_id": [f"u{u:02}" for u in row],
            "item_id": [f"i{i:02}" for i in column],
            "event": "rating",
            "value": stars,
            "timestamp": [day(float(n)) for n in rng.permutation(len(row))],
        }
    )
    viewed = rated.head(60).with_columns(event=pl.lit("view"), value=pl.lit(None, pl.Float64))
    items = pl.DataFrame({"item_id": [f"i{i:02}" for i in range(30)], "kind": "film", "title": "Film"})
    run_inputs = inputs(Dataset(items=items, events=pl.concat([rated, viewed])))
    return replace(run_inputs, domain=replace(run_inputs.domain, rating="rating", positive=LIKED))


@pytest.fixture(scope="module")
def world() -> RunInputs:
    return rating_world()


def split_of(world: RunInputs, protocol: str) -> Split:
    return split_events(world.dataset.events, LIKED, SplitSettings(protocol=protocol), seed=0)  # type: ignore[arg-type]


def errors_of(world: RunInputs, split: Split, specs: Predictors | None = None) -> dict[str, RatingError]:
    of_run, lacks = rating_errors(world, split, specs or {"mf": MF, "popularity": COUNTING}, fixed, SETTINGS)
    assert lacks == []
    return {error.predictor: error for error in of_run}


@pytest.mark.parametrize("protocol", ["timeline", "last-n", "cold-items", "cold-users", "random", "mixed"])
def test_on_every_split_the_arm_stands_beside_the_two_controls(world: RunInputs, protocol: str) -> None:
    split = split_of(world, protocol)
    errors = errors_of(world, split)
    assert list(errors) == [MEAN, BIASES, "mf"]
    assert [error.is_control for error in errors.values()] == [True, True, False]
    assert len({(error.n, error.n_users, error.held_out) for error in errors.values()}) == 1
    if protocol not in ("random", "mixed"):
        assert errors["mf"].n == split.test.filter(pl.col("event") == "rating").height
    assert errors["mf"].unrated_items == (1.0 if protocol == "cold-items" else 0.0)
    assert errors["mf"].new_users == (1.0 if protocol == "cold-users" else 0.0)


def test_an_arm_that_knows_tastes_is_below_the_biases_and_its_parameters_are_the_better_ones(world: RunInputs) -> None:
    errors = errors_of(world, split_of(world, "timeline"))
    mf = errors["mf"]
    assert mf.parameters == {"l2": 2.0}
    assert mf.against_biases is not None
    assert mf.against_biases.value == pytest.approx(mf.rmse.value - errors[BIASES].rmse.value)
    assert mf.against_biases.high is not None
    assert mf.against_biases.high < -0.1
    assert errors[BIASES].rmse.value < errors[MEAN].rmse.value + 0.02


def test_the_numbers_are_those_of_scikit_learn_over_all_ratings_after_the_cut(world: RunInputs) -> None:
    split = split_of(world, "timeline")
    error = errors_of(world, split)[MEAN]
    known = pl.concat([split.train, split.validation]).filter(pl.col("event") == "rating")["value"].to_numpy()
    observed = split.test.filter(pl.col("event") == "rating")["value"].to_numpy()
    mean = np.full(len(observed), known.mean())
    assert error.rmse.value == pytest.approx(root_mean_squared_error(observed, mean))
    assert error.mae.value == pytest.approx(mean_absolute_error(observed, mean))
    assert error.rmse.low is not None
    assert error.rmse.high is not None
    assert error.rmse.low < error.rmse.value < error.rmse.high


@pytest.mark.parametrize("protocol", ["timeline", "random"])
def test_what_is_held_out_is_not_known_and_changes_no_prediction(world: RunInputs, protocol: str) -> None:
    split = split_of(world, protocol)
    (_, judging), _ = rating_folds(world, split, "rating")
    pairs = judging.held_out.select("user_id", "item_id")
    raters = judging.train.raters
    assert raters is not None
    assert raters.ratings is not None
    index = {user: row for row, user in enumerate(raters.ids)}
    for user, item in pairs.iter_rows():
        assert user not in index or raters.ratings[index[user], world.catalogue.index[item]] == 0
        row = judging.users.ids.index(user)
        assert judging.users.history[row, world.catalogue.index[item]] == 0

    turned = world.dataset.events.join(pairs, on=["user_id", "item_id"], how="semi").with_columns(
        value=5.5 - pl.col("value")
    )
    rest = world.dataset.events.join(pairs, on=["user_id", "item_id"], how="anti")
    other = replace(world, dataset=replace(world.dataset, events=pl.concat([rest, turned])))
    lists = []
    for one in (world, other):
        parts = split if protocol == "random" else replace(split, test=turned if one is other else split.test)
        (_, fold), _ = rating_folds(one, parts, "rating")
        items = np.tile(np.arange(30), (len(fold.users), 1))
        lists.append(BiasedMF(factors=2).fit(fold.train).predict_ratings(fold.users, items))
    np.testing.assert_allclose(lists[1], lists[0], rtol=1e-5)


def test_where_all_that_was_not_liked_is_held_out_ratings_are_drawn_whatever_they_are(world: RunInputs) -> None:
    split = split_of(world, "random")
    assert split.train["value"].min() >= 4  # type: ignore[operator]
    (tuning, judging), held_out = rating_folds(world, split, "rating")
    assert "drawn at random" in held_out
    rated = world.dataset.events.filter(pl.col("event") == "rating")
    for fold, share in ((judging, 0.2), (tuning, 0.08)):
        assert fold.held_out.height == pytest.approx(share * rated.height, rel=0.15)
        assert fold.held_out["value"].mean() == pytest.approx(rated["value"].mean(), abs=0.2)
    assert not set(tuning.held_out.select("user_id", "item_id").rows()) & set(
        judging.held_out.select("user_id", "item_id").rows()
    )


def test_the_last_rating_of_an_item_is_the_one_that_counts() -> None:
    catalogue = Catalogue(pl.DataFrame({"item_id": ["a", "b"], "kind": "film", "title": "Film"}))
    rated = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v"],
            "item_id": ["a", "a", "b", "b"],
            "event": ["rating", "rating", "rating", "view"],
            "value": [5.0, 2.0, 0.0, 4.0],
            "timestamp": [day(1), day(2), day(1), day(1)],
        }
    )
    users = with_ratings(user_batch(rated.filter(LIKED), ["v", "u"], catalogue), rated, "rating", catalogue)
    assert users.ratings is not None
    assert users.ratings.nnz == 2  # a rating of 0 is one
    np.testing.assert_array_equal(users.ratings.toarray(), [[0, 0], [2, 0]])
    assert users.take(np.array([1])).ratings.nnz == 2  # type: ignore[union-attr]
    raters = raters_of(rated, rated.filter(LIKED), "rating", catalogue)
    assert raters is not None
    assert raters.ids == ["u"]
    assert raters_of(rated, rated.filter(LIKED), None, catalogue) is None
    assert with_ratings(users, rated, None, catalogue) is users


def test_who_is_served_brings_ratings_and_arms_learn_from_everybody_who_rated(world: RunInputs) -> None:
    known = world.dataset.events
    served = serve_known(world, ["u03", "nobody"], known, filter_context(world, known))
    assert served.users.ratings is not None
    of_user = known.filter((pl.col("user_id") == "u03") & (pl.col("event") == "rating"))
    assert np.diff(served.users.ratings.indptr).tolist() == [of_user.height, 0]
    assert served.train.raters is not None
    assert len(served.train.raters) == 80


def test_an_arm_that_says_so_and_cannot_is_refused(world: RunInputs) -> None:
    boasting = replace(COUNTING, predicts_ratings=True)
    with pytest.raises(PluginError, match="'boasting': its spec has predicts_ratings, and it has no method"):
        rating_errors(world, split_of(world, "timeline"), {"boasting": boasting}, fixed, SETTINGS)


def test_what_cannot_be_predicted_says_why(world: RunInputs) -> None:
    split = split_of(world, "timeline")
    nobody_rates = replace(world, domain=replace(world.domain, rating=None))
    for case, specs, reason in (
        (nobody_rates, {"mf": MF}, "The data have no ratings"),
        (world, {"popularity": COUNTING}, "No arm of the run predicts ratings. Add mf to arms."),
    ):
        of_run, lacks = rating_errors(case, split, specs, fixed, SETTINGS)
        assert of_run == []
        assert [lack.name for lack in lacks] == ["rating-error"]
        assert reason in lacks[0].reason


def test_a_batch_without_ratings_stays_without() -> None:
    batch = UserBatch(["u"], user_batch(rating_world().dataset.events.head(0), ["u"], rating_world().catalogue).history)
    assert batch.take(slice(0, 1)).ratings is None
