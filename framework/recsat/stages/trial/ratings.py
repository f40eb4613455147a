"""Predicted ratings against all that a split holds out, whatever lists say: tuned on validation, beside predictors that know no taste."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy.sparse import csr_array

from recsat.arms.biased_mf import BiasedMF
from recsat.config.settings import MeasureSettings
from recsat.contract.arm import RatingPredictor
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData, UserBatch, user_batch
from recsat.data.split import Split
from recsat.errors import PluginError
from recsat.measure.pooled import PooledMean, Resampling, pooled_difference, pooled_mean
from recsat.measure.prediction import ABSOLUTE_ERROR, SQUARED_ERROR, rmse_of
from recsat.result.model import Estimate, NotMeasured, RatingError
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.rated import PAIR, raters_of, ratings_of, with_ratings
from recsat.stages.trial.tune import settings_of

MEAN, BIASES = "global mean", "user and item biases"
BIAS_GRID = (2.0, 5.0, 10.0, 20.0)
BLIND_TO_RATINGS = ("timeline", "last-n", "cold-items", "cold-users")
"""Protocols that hold out whatever was rated then, or on those items, or by those users. The others hold out all that was not liked, so
that what is known has no low rating: there ratings are drawn anew."""
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
"""Shares of the rated pairs that are drawn, the second of what is left by the first."""


@dataclass(frozen=True)
class RatingFold:
    """Ratings that are known, and ratings to be predicted."""

    train: TrainingData
    users: UserBatch
    """Those of ``held_out``, sorted, with what is known of them."""
    held_out: pl.DataFrame
    """(user_id, item_id, value), sorted by user: every rating held out."""


def rating_errors(
    inputs: RunInputs,
    split: Split,
    specs: Mapping[str, RecommenderSpec],
    parameters: Callable[[str, RecommenderSpec], Mapping[str, JsonValue]],
    settings: MeasureSettings,
) -> tuple[list[RatingError], list[NotMeasured]]:
    """Of the arms of ``specs`` that predict ratings and the two controls on ``split``; and what cannot be measured, and why.

    ``parameters`` says what the run fixes of an arm; the rest of its grid is chosen by RMSE on the validation part. Raises PluginError
    where an arm's spec says that it predicts ratings and it does not.
    """
    predicting = {name: spec for name, spec in specs.items() if spec.predicts_ratings}
    rating = inputs.domain.rating
    if rating is None or not (inputs.dataset.events["event"] == rating).any():
        return [], [_lack("The data have no ratings: nobody said how much an item was liked.")]
    if not predicting:
        return [], [_lack("No arm of the run predicts ratings. Add mf to arms.")]
    (tuning, judging), held_out = rating_folds(inputs, split, rating)
    if not (tuning.held_out.height and judging.held_out.height and tuning.train.raters and len(tuning.train.raters)):
        return [], [_lack(f"Split {split.name} leaves a part without a rating.")]
    tables = {MEAN: _predicted_mean(judging)}
    best_parameters: dict[str, Mapping[str, JsonValue]] = {MEAN: {}}
    makers: dict[str, tuple[Callable[..., object], Sequence[Mapping[str, JsonValue]]]] = {
        BIASES: (partial(BiasedMF, factors=0), [{"bias_l2": l2} for l2 in BIAS_GRID]),
        **{name: (spec.make, settings_of(spec, parameters(name, spec))) for name, spec in predicting.items()},
    }
    for name, (make, grid) in makers.items():
        best = min(grid, key=lambda values: rmse_of(_predicted(name, make, values, tuning)))
        best_parameters[name], tables[name] = best, _predicted(name, make, best, judging)
    how = Resampling(settings.confidence, settings.n_bootstrap, inputs.seed)
    return [
        _error(name, split.name, held_out, best_parameters[name], table, tables[BIASES], judging, how)
        for name, table in tables.items()
    ], []


def rating_folds(inputs: RunInputs, split: Split, rating: str) -> tuple[tuple[RatingFold, RatingFold], str]:
    """(validation, test) of the ratings of ``split``, and which the test holds out, in words."""
    if split.protocol in BLIND_TO_RATINGS:
        known = pl.concat([split.train, split.validation])
        parts = [(split.train, split.validation), (known, split.test)]
        held_out = "every rating that the split holds out"
    else:
        events = inputs.dataset.events
        drawn_part = _drawn_parts(ratings_of(events, rating), inputs.seed)
        parts = [
            (
                events.join(drawn_part.filter(pl.col("part") >= part), on=PAIR, how="anti", maintain_order="left"),
                events.join(drawn_part.filter(pl.col("part") == part), on=PAIR, how="semi", maintain_order="left"),
            )
            for part in (1, 2)
        ]
        held_out = (
            f"{TEST_SHARE:.0%} of all rated pairs, drawn at random: the split itself holds out all that was not liked"
        )
    validation, test = (_fold(inputs, known, later, rating) for known, later in parts)
    return (validation, test), held_out


def _drawn_parts(ratings: pl.DataFrame, seed: int) -> pl.DataFrame:
    """(user_id, item_id, part): 0 for training, 1 for validation, 2 for the test."""
    pairs = ratings.select(PAIR).unique().sort(PAIR)
    shares = [(1 - TEST_SHARE) * (1 - VALIDATION_SHARE), (1 - TEST_SHARE) * VALIDATION_SHARE, TEST_SHARE]
    return pairs.with_columns(part=pl.Series(np.random.default_rng([seed, 9]).choice(3, pairs.height, p=shares)))


def _fold(inputs: RunInputs, known: pl.DataFrame, later: pl.DataFrame, rating: str) -> RatingFold:
    catalogue, positive = inputs.catalogue, inputs.domain.positive
    held_out = ratings_of(later, rating).select(*PAIR, "value").sort(*PAIR, "value")
    liked = known.filter(positive)
    likers = user_batch(liked, liked["user_id"].unique().sort().to_list(), catalogue)
    users = user_batch(liked, held_out["user_id"].unique().sort().to_list(), catalogue)
    raters = raters_of(known, liked, rating, catalogue)
    train = TrainingData(catalogue, likers, inputs.vectors, seed=inputs.seed, raters=raters, encoder=inputs.encoder)
    return RatingFold(train, with_ratings(users, known, rating, catalogue), held_out)


def _predicted_mean(fold: RatingFold) -> pl.DataFrame:
    return _table(fold, np.full(fold.held_out.height, _known(fold).data.mean()))


def _predicted(
    name: str, make: Callable[..., object], values: Mapping[str, JsonValue], fold: RatingFold
) -> pl.DataFrame:
    arm = make(**values)
    if not isinstance(arm, RatingPredictor):
        raise PluginError(f"arm {name!r}: its spec has predicts_ratings, and it has no method predict_ratings. Add it.")
    arm.fit(fold.train)  # type: ignore[attr-defined]
    rows, places, items = _padded(fold)
    predicted = arm.predict_ratings(fold.users, items)
    return _table(fold, predicted[rows, places].astype(np.float64))


def _padded(fold: RatingFold) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row and place of each held-out rating in the table of items by user, and that table, padded with -1."""
    rows = fold.users.id_series.search_sorted(fold.held_out["user_id"]).to_numpy().astype(np.int64)
    first = np.searchsorted(rows, rows)
    places = np.arange(len(rows)) - first
    items = np.full((len(fold.users), int(places.max()) + 1), -1, dtype=np.int64)
    items[rows, places] = fold.train.catalogue.positions(fold.held_out["item_id"])
    return rows, places, items


def _table(fold: RatingFold, predicted: NDArray[np.float64]) -> pl.DataFrame:
    return fold.held_out.select("user_id", predicted=pl.Series(predicted), observed="value")


def _known(fold: RatingFold) -> csr_array:
    raters = fold.train.raters
    assert raters is not None
    assert raters.ratings is not None, "the domain names its ratings"
    return raters.ratings


def _error(
    name: str,
    split: str,
    held_out: str,
    parameters: Mapping[str, JsonValue],
    table: pl.DataFrame,
    biases: pl.DataFrame,
    fold: RatingFold,
    how: Resampling,
) -> RatingError:
    known = _known(fold)
    users = table["user_id"]
    squares, of_biases = (one.select(loss=SQUARED_ERROR)["loss"] for one in (table, biases))
    rated = np.bincount(known.indices, minlength=known.shape[1]) > 0
    items = fold.train.catalogue.positions(fold.held_out["item_id"])
    raters = pl.Series(fold.train.raters.ids if fold.train.raters else [], dtype=pl.String)
    is_control = name in (MEAN, BIASES)
    return RatingError(
        predictor=name,
        split=split,
        is_control=is_control,
        parameters=dict(parameters),
        held_out=held_out,
        n=table.height,
        n_users=users.n_unique(),
        unrated_items=float(1 - rated[items].mean()),
        new_users=float((~users.is_in(raters.implode())).mean()),  # type: ignore[arg-type]
        rmse=estimate(pooled_mean(users, squares, how, root=True)),
        mae=estimate(pooled_mean(users, table.select(loss=ABSOLUTE_ERROR)["loss"], how)),
        against_biases=None if is_control else estimate(pooled_difference(users, squares, of_biases, how, root=True)),
    )


def estimate(mean: PooledMean) -> Estimate:
    """As a part of the result."""
    return Estimate(value=mean.value, low=mean.low, high=mean.high)


def _lack(reason: str) -> NotMeasured:
    return NotMeasured(name="rating-error", reason=reason)
