"""What Prometheus reads. With several worker processes the figures of all are one answer."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from recsat.stages.model.live import LiveModel

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus-client knows, when it is imported, that processes share their figures in this folder."""
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The service's figures."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("recsat_requests", "Requests answered.", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "recsat_request_seconds", "From the first byte to the last.", ["route"], buckets=SECONDS, registry=registry
        )
        self.lists = Counter("recsat_lists", "Lists made.", ["known"], registry=registry)
        self.events = Counter("recsat_events", "Events acknowledged.", ["kind"], registry=registry)
        self.loads = Counter(
            "recsat_model_loads", "Models loaded, or that could not be.", ["outcome"], registry=registry
        )
        self._processes = Gauge(
            "recsat_model_processes",
            "Processes that serve the model.",
            ["fingerprint", "arm", "domain"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._created = _oldest("recsat_model_created_seconds", "When the model was made, since 1970.", registry)
        self._last_event = _oldest("recsat_model_last_event_seconds", "The last event that it was fitted on.", registry)
        self._sequence = _oldest("recsat_folded_sequence", "Up to which event everybody's are folded in.", registry)
        self._log_sequence = _oldest("recsat_log_sequence", "Sequence number of the log's last event.", registry)

    def serve(self, live: LiveModel, before: LiveModel | None) -> None:
        """``live`` is served from now on."""
        if before is not None:
            self._process(before).set(0)
        self._process(live).set(1)
        card = live.model.card
        self._created.set(datetime.fromisoformat(card.created).timestamp())
        self._last_event.set(card.last_event.timestamp())

    def follow(self, folded: int, last: int) -> None:
        """Sequence numbers, of the event up to which all are folded in and of the log's last."""
        self._sequence.set(folded)
        self._log_sequence.set(last)

    def text(self) -> bytes:
        """Of all processes."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

    def _process(self, live: LiveModel) -> Gauge:
        return self._processes.labels(live.model.fingerprint, live.model.card.arm, live.model.card.domain)


def _oldest(name: str, text: str, registry: CollectorRegistry) -> Gauge:
    """Of several processes, the one that is farthest behind."""
    return Gauge(name, text, registry=registry, multiprocess_mode="livemin")


def forget_the_dead() -> None:
    """Takes away the gauges of worker processes that were killed; those that end by themselves call :func:`forget_this_process`."""
    if FOLDER not in os.environ:
        return
    for path in Path(os.environ[FOLDER]).glob("gauge_live*.db"):
        pid = re.search(r"_(\d+)\.db$", path.name)
        if pid and not psutil.pid_exists(int(pid[1])):
            mark_process_dead(int(pid[1]))  # type: ignore[no-untyped-call]


def forget_this_process() -> None:
    """Takes away this process's gauges."""
    if FOLDER in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
