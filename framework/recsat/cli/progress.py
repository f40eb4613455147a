"""Progress of a run in a terminal: one line a stage, live while it runs."""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from recsat.result.model import StageCost
from recsat.result.numerals import duration, memory

MINUTE = 60.0
UNITS = {"prepare": "events", "embed": "texts", "index": "items", "recommend": "lists", "evaluate": "measures"}
"""What a stage counts."""


class TerminalProgress:
    """A :class:`recsat.run.Progress` for people; a context manager, since a live display must be taken down.

    Where the output is no terminal there is one plain line for each finished stage, and one every ``every_s`` seconds while a stage runs.
    """

    def __init__(self, console: Console, every_s: float = MINUTE) -> None:
        self.console = console
        self._every_s = every_s
        self._ended = Event()
        self._started = monotonic()
        self._live = Progress(
            TextColumn("{task.fields[mark]}"),
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._live.start()
        if not self.console.is_terminal:
            Thread(target=self._say_it_goes_on, name="recsat-progress", daemon=True).start()
        return self

    def _say_it_goes_on(self) -> None:
        while not self._ended.wait(self._every_s):
            if self._task is not None:
                task = self._live.tasks[self._task]
                done = f"{task.fields['detail']}, " if task.fields["detail"] else ""
                seconds = duration(monotonic() - self._started)
                self.console.print(Text(f"{task.description}: {done}running for {seconds}"), soft_wrap=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if error is not None and self._task is not None:
            self._live.update(self._task, mark="[red]✗[/]", detail="stopped")
        self._live.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        self._started = monotonic()
        self._task = self._live.add_task(name, total=total, mark="·", detail="")

    def expect(self, total: int) -> None:
        self._update(total=total)

    def advance(self, n: int = 1) -> None:
        if self._task is not None:
            self._live.advance(self._task, n)
            task = self._live.tasks[self._task]
            done = f"{task.completed:,.0f}"
            self._update(detail=done if task.total is None else f"{done} of {task.total:,.0f}")

    def note(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def finish(self, cost: StageCost) -> None:
        detail = cost_in_words(cost)
        # The bar ends full: a stage may have had less to do than it expected.
        self._update(total=1, completed=1, mark="[green]✓[/]", detail=detail)
        if self._task is not None:
            self._live.stop_task(self._task)
        self._task = None
        if not self.console.is_terminal:
            self.console.print(Text(f"{cost.name}: {detail}"), soft_wrap=True)

    def _update(self, **fields: object) -> None:
        if self._task is not None:
            self._live.update(self._task, **fields)  # type: ignore[arg-type]


def cost_in_words(cost: StageCost) -> str:
    """What a stage cost and did.

    >>> cost_in_words(StageCost(name="embed", seconds=2.04, peak_mib=512, n_new=0, n_cached=1955))
    '2.0 s, 512 MiB, nothing new: all 1,955 texts from the cache'
    """
    unit = UNITS.get(cost.name, "")
    parts = [duration(cost.seconds), memory(cost.peak_mib)]
    if cost.n_cached and not cost.n_new:
        parts.append(f"nothing new: all {cost.n_cached:,} {unit} from the cache".replace("  ", " "))
    elif cost.n_cached:
        parts.append(f"{cost.n_new:,} new {unit}, {cost.n_cached:,} from the cache".replace(" ,", ","))
    elif cost.n_new and unit:
        parts.append(f"{cost.n_new:,} {unit}")
    return ", ".join(parts)
