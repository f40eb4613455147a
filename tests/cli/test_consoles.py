"""Nothing that is printed steers the terminal."""

from __future__ import annotations

import io
import json
import logging

import pytest
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import PlainConsole

ORDERS = "\x1b]0;owned\x07\x1b[2J\u202eevil\x9b31m"


def printed(*renderables: object, terminal: bool = True) -> str:
    colours = "standard" if terminal else None
    console = PlainConsole(
        file=io.StringIO(), width=100, force_terminal=terminal, color_system=colours, highlight=False
    )
    console.print(*renderables)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def table() -> Table:
    rows = Table(ORDERS, title=ORDERS)
    rows.add_row(ORDERS, Text(ORDERS))
    return rows


@pytest.mark.parametrize("renderable", [ORDERS, Text(ORDERS), table()], ids=["text", "Text", "table"])
def test_text_is_no_order(renderable: object) -> None:
    out = printed(renderable, terminal=False)
    assert "owned" in out
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(out)


def test_a_consoles_own_colours_stay() -> None:
    assert printed(Text("good", style="bold red")) == "\x1b[1;31mgood\x1b[0m\n"


def test_log_records_are_no_orders() -> None:
    console = PlainConsole(file=io.StringIO(), width=100)
    RichHandler(console=console).emit(
        logging.makeLogRecord({"msg": ORDERS, "levelno": logging.WARNING, "levelname": "WARNING"})
    )
    assert isinstance(console.file, io.StringIO)
    assert "\x1b" not in console.file.getvalue()


def test_json_keeps_every_value() -> None:
    console = PlainConsole(file=io.StringIO(), width=20)
    data = {"user_id": ORDERS, "title": "天空之城 [b]bold[/b]", "n": 3}
    console.print_json(data=data)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert json.loads(text) == data
    assert not {"\x1b", "\u202e"} & set(text)
    assert "天空之城" in text


def test_lines_stay_lines() -> None:
    assert printed("one\ntwo", terminal=False) == "one\ntwo\n"
    assert isinstance(PlainConsole(), Console)
