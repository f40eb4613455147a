"""The model that a process serves: loaded beside the requests, and swapped in one step when another is promoted."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from recsat.errors import RecsatError
from recsat.feedback.log import FeedbackLog
from recsat.plugins import Plugins
from recsat.serving.metrics import Metrics
from recsat.serving.problems import Refusal
from recsat.serving.settings import ServingSettings
from recsat.serving.source import ModelSource, ModelVersion
from recsat.stages.model.indexed import indexed_where_large
from recsat.stages.model.live import LiveModel
from recsat.stages.model.loaded import Model

logger = logging.getLogger(__name__)
AFTER_FAILURE: Final = 10
"""How many looks a model that could not be loaded is left alone for: each try reads all of it."""


class CurrentModel:
    """Follows ``source`` and ``log`` in a thread of its own. A request takes :meth:`live` once and keeps it to its end."""

    def __init__(
        self,
        source: ModelSource,
        log: FeedbackLog,
        metrics: Metrics,
        settings: ServingSettings,
        plugins: Plugins | None = None,
    ) -> None:
        self._source = source
        self._log = log
        self._metrics = metrics
        self._every_s = settings.refresh_s
        self._index_from = settings.index_from
        self._open = ExitStack()
        """Holds the index of the model that serves."""
        self._plugins = plugins
        self._live: LiveModel | None = None
        self._failed = ""
        self._not_before = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="recsat-model", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended; a load is waited for."""
        self._ending.set()
        self._thread.join()
        self._open.close()

    def live(self) -> LiveModel:
        """What serves now; a Refusal (503) before the first model is there."""
        if self._live is None:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "No model is loaded yet. Try again in a moment.", {"Retry-After": "1"}
            )
        return self._live

    def look(self) -> None:
        """Loads what the source names, if it is new, and folds in what everybody did since."""
        try:
            version = self._source.current()
        except RecsatError as error:
            logger.warning("no other model is looked for: %s", error)
        else:
            is_new = self._live is None or self._live.model.fingerprint != version.fingerprint
            if is_new and not (version.fingerprint == self._failed and time.monotonic() < self._not_before):
                self._load(version)
        if self._live is not None:
            self._live.refresh()
            self._metrics.follow(self._live.sequence, self._log.last)

    def _load(self, version: ModelVersion) -> None:
        opened = ExitStack()
        try:
            model = Model.load(version.path, self._plugins)
            if version.run_folder is not None:
                model = replace(model, run_folder=version.run_folder)
            model = opened.enter_context(indexed_where_large(model, self._index_from, shared=True))
            live = LiveModel(model, self._log)
            live.recommend(
                model.histories.ids.head(1).to_list()
            )  # what a model makes once is made before the first request
        except Exception as error:
            opened.close()
            self._failed, self._not_before = version.fingerprint, time.monotonic() + AFTER_FAILURE * self._every_s
            self._metrics.loads.labels("failed").inc()
            logger.error("model %s cannot be loaded; what was served before goes on: %s", version.path, error)
            return
        before, self._live = self._live, live
        # A request that still asks the index of the model before is answered from that model's catalogue.
        self._open.close()
        self._open = opened
        self._metrics.loads.labels("loaded").inc()
        self._metrics.serve(live, before)
        logger.info("serving model %s of arm %s from %s", model.fingerprint[:12], model.card.arm, model.source)

    def _follow(self) -> None:
        while True:
            try:
                self.look()
            except Exception:  # the next look may succeed; a thread that died would leave the model as it is for ever
                logger.exception("looking for a model and for events failed")
            if self._ending.wait(self._every_s):
                return
