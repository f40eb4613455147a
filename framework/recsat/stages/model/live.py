"""A model beside the feedback log: lists that know what their users did a moment ago."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from recsat.config.settings import RunConfig
from recsat.feedback.log import FeedbackLog, has_log, log_folder
from recsat.stages.feedback import sound_events
from recsat.stages.model.explanation import Explanation
from recsat.stages.model.loaded import Model

logger = logging.getLogger(__name__)
TEXTS_STAY: Final = (
    "arm %s reads texts of users, which were encoded when it was fitted: later events do not change how it scores, and who had no history then "
    "is served by the fallback. Filters and popularity follow. Run the run again to have later events in the texts."
)
BLOCK: Final = 100_000
"""Events that are read from the log at once."""


@dataclass(frozen=True)
class Folded:
    """A model with everybody's events of the log up to ``sequence`` folded in."""

    model: Model
    sequence: int


class LiveModel:
    """Lists of ``model`` that follow ``log``; may be used by several threads.

    Each list is made from its users' events up to this moment. What concerns everybody, the popularity that users without a history are
    served by, moves when :meth:`refresh` is called.

    An arm that reads texts of users has those of its fit alone, and a warning says so.

    Events that were among the data of its run (``card.feedback_until``) are not folded in again. Those on items that the model does not have, and events that are none of the domain's, are left aside; the next run has the items.
    """

    def __init__(self, model: Model, log: FeedbackLog) -> None:
        self._fitted = model
        self._log = log
        self._folded = Folded(model, model.card.feedback_until)
        self._refreshing = threading.Lock()
        if model.histories.texts is not None:
            logger.warning(TEXTS_STAY, model.card.arm)
        self.refresh()

    @property
    def model(self) -> Model:
        """The model with everybody's events of the last refresh."""
        return self._folded.model

    @property
    def sequence(self) -> int:
        """Up to which event of the log everybody's are folded in."""
        return self._folded.sequence

    def refresh(self) -> int:
        """Folds in what everybody did since the last refresh, popularity included; returns how many events that were."""
        with self._refreshing:
            folded, n_events = self._folded, 0
            while len(feedback := self._log.since(folded.sequence, BLOCK)):
                n_events += len(feedback)
                folded = Folded(folded.model.after(self._events(feedback)), int(feedback["sequence"][-1]))
            self._folded = folded
        return n_events

    def at(self, users: Sequence[str]) -> Model:
        """The model as it serves ``users`` at this moment; of others it need know nothing."""
        folded = self._folded
        feedback = self._log.of_users(list(dict.fromkeys(users)), since=folded.sequence)
        return folded.model if feedback.is_empty() else folded.model.after(self._events(feedback), users)

    def recommend(
        self,
        users: Sequence[str],
        k: int | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        kinds: Sequence[str] = (),
    ) -> pl.DataFrame:
        """As :meth:`Model.recommend`, from histories that have every event of the log."""
        return self.at(users).recommend(users, k, include, exclude, kinds)

    def why(
        self,
        user: str,
        item: str,
        k: int | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        kinds: Sequence[str] = (),
    ) -> Explanation:
        """As :meth:`Model.why`, of the list that :meth:`recommend` makes at this moment."""
        return self.at([user]).why(user, item, k, include, exclude, kinds)

    def _events(self, feedback: pl.DataFrame) -> pl.DataFrame:
        model, domain = self._fitted, self._fitted.domain
        ratings = model.histories.ratings
        rated = np.zeros(0) if ratings is None else ratings.data
        events, faults = sound_events(feedback, model.events_schema, domain.events, domain.rating, rated)
        for row, column, value, reason in faults.select("row", "column", "value", "reason").head(3).iter_rows():
            logger.warning("event %d of the feedback log is left aside: %s %r %s", row, column, value, reason)
        return pl.DataFrame([events[name] for name in model.events_schema])


@contextmanager
def following(model: Model, config: RunConfig | None = None) -> Iterator[LiveModel | None]:
    """``model`` beside the feedback log of the home of ``config`` (None: of its run's); None where there is no log, and none is made."""
    folder = log_folder(config or RunConfig.model_validate(model.card.config))
    if not has_log(folder):
        yield None
        return
    with FeedbackLog(folder) as log:
        yield LiveModel(model, log)
