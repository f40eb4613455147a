"""One part of a split made ready for arms: what is known, who is served, what they went on to like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch, liked_events, user_batch
from recsat.data.credit import VALUE
from recsat.data.moments import latest
from recsat.data.split import Split
from recsat.lists.filters import FilterPlan, plan_filters
from recsat.lists.make import Served
from recsat.stages.trial.history import Withheld, known_so_far
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.rated import raters_of, with_ratings, with_rejections
from recsat.stages.trial.users import with_markets, with_profiles, with_texts


@dataclass(frozen=True)
class Fold(Served):
    """Served users and what they went on to do.

    Every user with a liked held-out event is served; those all of whose liked items are excluded are not judged.
    """

    relevant: pl.DataFrame
    """(user_id, item_id): liked held-out pairs that the filters permit."""
    held_out: pl.DataFrame
    """Events after the cut, liked or not."""

    @property
    def judged_with_history(self) -> NDArray[np.bool_]:
        """Which of ``users``, (n_users,), whatever is chosen is chosen by: the fallback serves those without a history, whatever the arm."""
        judged = self.users.id_series.is_in(self.relevant["user_id"].unique().implode())
        return np.asarray(judged.to_numpy() & ~self.users.is_new, dtype=np.bool_)


def some_of(mask: NDArray[np.bool_], most: int, seed: int) -> NDArray[np.bool_]:
    """``mask`` with at most ``most`` of its rows, drawn at random."""
    rows = np.flatnonzero(mask)
    sample = np.zeros_like(mask)
    sample[np.random.default_rng(seed).permutation(rows)[:most]] = True
    return sample


def validation_fold(inputs: RunInputs, split: Split) -> Fold:
    """Known: the training part. Judged: the validation part."""
    later = pl.concat([split.validation, split.test])
    return _fold(inputs, split, split.train, split.validation, later, ranked_in_validation(inputs.catalogue, split))


def ranked_in_validation(catalogue: Catalogue, split: Split) -> pl.Series | None:
    """Ids of the items that are candidates in validation, None for all.

    Of ``mixed`` not those that the test alone has events of. They were hidden for the test, where they may be liked; to validation they would be as
    many items again that nobody can have chosen, and what is tuned there would put unseen items too far down the lists of the test.
    """
    if split.protocol != "mixed":
        return split.validation_items
    before = pl.concat([split.train["item_id"], split.validation["item_id"]])
    ids = catalogue.items["item_id"]
    return ids.filter(ids.is_in(before.implode()) | ~ids.is_in(split.test["item_id"].implode()))


def test_fold(inputs: RunInputs, split: Split) -> Fold:
    """Known: training and validation part. Judged: the test part."""
    return _fold(inputs, split, pl.concat([split.train, split.validation]), split.test, split.test, split.test_items)


def serve_known(
    inputs: RunInputs,
    user_ids: Sequence[str],
    known: pl.DataFrame,
    context: FilterContext,
    *,
    filters: Mapping[str, CandidateFilter] | None = None,
    universe: pl.Series | None = None,
    protocol: str | None = None,
    test_share: float | None = None,
    now: datetime | None = None,
) -> Served:
    """``user_ids`` served when the ``known`` events are all that has happened, at the moment ``now`` where there is one (see
    :class:`~recsat.contract.interactions.TrainingData`).

    ``filters`` stand for those of the run where they are given; ``universe`` has the ids of the items that can be candidates at
    all (None: the whole catalogue); ``protocol`` and ``test_share`` are those of the split whose part this is.
    """
    catalogue, domain = inputs.catalogue, inputs.domain
    moment = None if now is None else now.timestamp()

    def histories(liked: pl.DataFrame, ids: Sequence[str]) -> UserBatch:
        batch = replace(user_batch(liked, ids, catalogue), now=moment)
        batch = with_rejections(batch, known, domain.rejections, catalogue)
        return with_markets(batch, inputs.dataset.users, domain.market)

    liked = liked_events(known, domain.positive)
    train = TrainingData(
        catalogue,
        histories(liked, liked["user_id"].unique().sort().to_list()),
        inputs.vectors,
        seed=inputs.seed,
        raters=raters_of(known, liked, domain.rating, catalogue),
        protocol=protocol,
        test_share=test_share,
        now=moment,
        encoder=inputs.encoder,
        device=inputs.device,
    )
    users = with_profiles(histories(liked, user_ids), inputs)
    del liked  # as large as a table of all events
    if inputs.encode_users is not None:
        users = with_texts(users, inputs, known.filter(domain.positive))
    users = with_ratings(users, known, domain.rating, catalogue)
    plan = plan_filters(
        inputs.filters if filters is None else filters,
        catalogue,
        users.ids,
        context,
        None if universe is None else catalogue.items["item_id"].is_in(universe.implode()).to_numpy(),
    )
    return Served(train, users, plan, known)


def _fold(
    inputs: RunInputs,
    split: Split,
    known: pl.DataFrame,
    held_out: pl.DataFrame,
    later: pl.DataFrame,
    universe: pl.Series | None,
) -> Fold:
    """``later`` are all events that are not known: what is judged, and in validation the test part too."""
    relevant = held_out.filter(inputs.domain.positive).select("user_id", "item_id").unique().sort("user_id", "item_id")
    users = relevant["user_id"].unique().sort()
    context = filter_context(inputs, known, Withheld(later, split.protocol))
    now = cut_of(later) if split.protocol == "timeline" else None
    served = serve_known(
        inputs,
        users.to_list(),
        known,
        context,
        universe=universe,
        protocol=split.protocol,
        test_share=split.test_share,
        now=now,
    )
    return Fold(
        served.train,
        served.users,
        served.plan,
        known,
        relevant=_reachable(relevant, served.plan, users, inputs.catalogue),
        held_out=held_out,
    )


def cut_of(later: pl.DataFrame) -> datetime:
    """The cut of a timeline: the moment that opens its ``later`` part, of which the earlier one has no event."""
    cut = later["timestamp"].min()
    assert isinstance(cut, datetime), "a timeline has times, and events after its cut"
    return cut


def last_moment(events: pl.DataFrame) -> datetime | None:
    """When the last of ``events`` was, one date far after all others aside; None where one has no time."""
    return None if events["timestamp"].null_count() else latest(events["timestamp"])


def filter_context(inputs: RunInputs, known: pl.DataFrame, withheld: Withheld | None = None) -> FilterContext:
    """What filters may look at when ``known`` events are all that has happened.

    Nothing later than the last of them, and nothing that reveals what is ``withheld`` (None: everything is known); the
    quarantine, which has rows of any part, is left out.
    """
    last = latest(known["timestamp"])
    now = datetime.now(UTC) if last is None else last
    dataset = inputs.dataset
    # What an exposure brought in may have come after the cut.
    without_amounts = None if dataset.exposures is None else dataset.exposures.drop(VALUE, strict=False)
    ties, exposures = (
        None if table is None else known_so_far(table, other, known, now, withheld)
        for table, other in ((dataset.ties, "other_id"), (without_amounts, "item_id"))
    )
    return FilterContext(
        known=replace(dataset, events=known, exposures=exposures, ties=ties, quarantine=dataset.quarantine.clear()),
        config=inputs.domain_config,
        now=now,
        rejections=inputs.domain.rejections,
    )


def _reachable(relevant: pl.DataFrame, plan: FilterPlan, users: pl.Series, catalogue: Catalogue) -> pl.DataFrame:
    """``relevant`` without pairs that the run's own filters exclude: what was seen before, say, where `seen` is on."""
    rows = users.search_sorted(relevant["user_id"]).to_numpy()
    columns = catalogue.positions(relevant["item_id"])
    excluded = np.asarray(plan.excluded[rows, columns]).ravel() if relevant.height else np.zeros(0, dtype=bool)
    return relevant.filter(pl.Series(~excluded.astype(bool)))
