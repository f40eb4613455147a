"""Who waits for whom: runs of one domain's state, and runs on one accelerator, take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.logging.loggers import get_logger, get_run_logger

from recsat import RunConfig
from recsat_flows.outage import without_retries

LEASE_S = 60
"""How long the turn of a process that was killed stays its own: the shortest that Prefect gives."""
RENEWED_S = 10
"""How often a turn is renewed: a machine that is so slow that five renewals fail loses it, and not one that missed one."""
ANSWER_S = 15
"""How long the server has for one answer about a turn."""
ACCELERATOR = "recsat-accelerator"
"""The limit of a device that one run at a time may use."""


class Turn:
    """One place of each of some global concurrency limits, leased from Prefect's server and renewed by a thread until it is released.

    A process that stood still for longer than :data:`LEASE_S`, or whose server was away, may have lost it to another: :meth:`confirm` before a
    piece of work begins waits for it anew. A server that does not answer holds nothing up, since the library's locks hold without one.
    """

    def __init__(self, client: SyncPrefectClient, names: Sequence[str]) -> None:
        self.names = list(names)
        self._client = client
        self.lease: UUID | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renewing, daemon=True, name="recsat-turn")

    def take(self) -> None:
        """Returns when nobody else has it; at once where there are no limits."""
        if not self.names:
            return
        while (lease := self._leased()) is None:
            pass
        if not lease["limits"]:
            get_run_logger().warning("there are no limits %s; runs are kept apart by their locks alone", self.names)
            return
        self.lease = UUID(lease["lease_id"])
        if not self._thread.ident:
            self._thread.start()

    def _leased(self) -> dict[str, Any] | None:
        """The server's answer; None, after as long as it asks for, where another has the turn."""
        try:
            response = self._client.increment_concurrency_slots_with_lease(self.names, 1, "concurrency", LEASE_S)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != HTTPStatus.LOCKED:
                raise
            time.sleep(float(error.response.headers["Retry-After"]))
            return None
        return dict(response.json())

    def confirm(self) -> None:
        """Returns when this run has the turn: at once, or where it was lost as soon as nobody else has it."""
        if self.lease is None:
            return
        try:
            with without_retries():
                self._client.renew_concurrency_lease(self.lease, LEASE_S)
        except httpx.HTTPError as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == HTTPStatus.GONE:
                get_run_logger().warning("the turn %s was lost, and is waited for again", self.names)
                self.take()
            else:
                get_run_logger().warning("the turn %s cannot be confirmed (%r); work goes on", self.names, error)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Others may have it meanwhile; afterwards it is waited for again."""
        self._release()
        yield
        self.take()

    def end(self) -> None:
        """Lets the next one go; the lease's end does where the server does not answer."""
        self._stop.set()
        self._release()

    def _release(self) -> None:
        lease, self.lease = self.lease, None
        if lease is not None:
            with suppress(httpx.HTTPError), without_retries():
                self._client.release_concurrency_slots_with_lease(lease)

    def _renewing(self) -> None:
        with without_retries(), _client() as client:
            while not self._stop.wait(RENEWED_S):
                lease = self.lease
                if lease is None:
                    continue
                try:
                    client.renew_concurrency_lease(lease, LEASE_S)
                except httpx.HTTPError as error:
                    get_logger("recsat").warning("the turn %s could not be renewed: %r", self.names, error)


CURRENT: ContextVar[Turn | None] = ContextVar("recsat-turn", default=None)
"""The turn of the flow run that this context is of."""


@contextmanager
def turn_of(config: RunConfig) -> Iterator[Turn]:
    """Waits until no other flow run works on the domain's state, whichever deployment started it, nor on the accelerator that the run uses.

    A deployment's own limit does not see other deployments. The library's locks hold without a server too; this one queues where people see it.
    """
    with turns([limit_name(config), *accelerators(config.encoder.device)]) as turn:
        yield turn


def limit_name(config: RunConfig) -> str:
    """The global concurrency limit of the domain's state."""
    return f"recsat-{config.store.tenant}-{config.domain}"


def accelerators(device: str) -> list[str]:
    """The limit of the device that the setting ``device`` means on this machine; none for a CPU."""
    from recsat.embed.device import pick_device  # torch: a second that a deployment need not pay

    return [] if pick_device(device).type == "cpu" else [ACCELERATOR]


@contextmanager
def turns(names: Sequence[str]) -> Iterator[Turn]:
    """Waits until nobody holds one of these limits, and holds them all; nothing to wait for where there are none.

    Inside another turn of the same limits it is that one: what a flow does in steps stays one turn.
    """
    outer = CURRENT.get()
    if outer is not None and set(names) <= set(outer.names):
        outer.confirm()
        yield outer
        return
    with _client() as client:
        turn = Turn(client, names)
        _make_limits(client, names)
        turn.take()
        token = CURRENT.set(turn)
        try:
            yield turn
        finally:
            CURRENT.reset(token)
            turn.end()


def _client() -> SyncPrefectClient:
    return get_client(sync_client=True, httpx_settings={"timeout": ANSWER_S})


def _make_limits(client: SyncPrefectClient, names: Sequence[str]) -> None:
    try:
        for name in names:
            client.upsert_global_concurrency_limit_by_name(name, 1)
    except Exception as error:  # a key without the right to make limits: the library's locks still hold
        get_run_logger().warning(
            "the limits %s cannot be made (%s); runs are kept apart by their locks alone", names, error
        )
