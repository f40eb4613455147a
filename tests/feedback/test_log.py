"""The log against kills, several writers, repeated and contradicting events, and files that are none of its."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat.errors import FeedbackError
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import SCHEMA, FeedbackLog

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def play(event_id: str, user: str = "ann", item: str = "alien", **more: object) -> FeedbackEvent:
    return FeedbackEvent.model_validate(
        {"event_id": event_id, "user_id": user, "item_id": item, "event": "play", "timestamp": NOON, **more}
    )


def test_events_come_back_as_they_went_in_and_in_their_order(tmp_path: Path) -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1))) + timedelta(microseconds=7)
    with FeedbackLog(tmp_path) as log:
        outcome = log.append(
            [
                play(
                    "b",
                    "bob",
                    "Amélie 🎬",
                    value=2.5,
                    list_id="l1",
                    position=3,
                    columns={"watched": 0.5, "device": "tv"},
                ),
                play("a", timestamp=berlin),
            ]
        )
        table = log.since(0)
    assert (outcome.new, outcome.repeated, outcome.sequence) == (2, 0, 2)
    assert table.schema == SCHEMA
    assert table.rows() == [
        (1, "b", "bob", "Amélie 🎬", "play", 2.5, NOON, "l1", 3, '{"device": "tv", "watched": 0.5}'),
        (2, "a", "ann", "alien", "play", None, NOON + timedelta(microseconds=7), None, None, "{}"),
    ]


def test_an_event_again_changes_nothing_and_another_event_of_its_id_is_refused_with_the_whole_batch(
    tmp_path: Path,
) -> None:
    with FeedbackLog(tmp_path) as log:
        log.append([play("1"), play("2")])
        again = log.append([play("2"), play("3"), play("3")])
        assert (again.new, again.repeated) == (1, 2)
        assert again.sequence == log.last == log.since(0)["sequence"][-1]
        with pytest.raises(
            FeedbackError, match=r"event '1' is in the feedback log already, with another item_id and value\. Give"
        ):
            log.append([play("4"), play("1", item="aliens", value=1.0)])
        assert log.since(0)["event_id"].to_list() == ["1", "2", "3"]


def test_an_event_without_a_time_gets_that_of_its_first_arrival_and_may_be_sent_again(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    with FeedbackLog(tmp_path) as log:
        log.append([play("1", timestamp=None)])
        first = log.since(0)
        assert log.append([play("1", timestamp=None)]).repeated == 1
        assert log.since(0).equals(first)
    assert before <= first["timestamp"][0] <= datetime.now(UTC)


def test_a_reader_goes_on_where_it_stopped_and_finds_the_events_of_some_users(tmp_path: Path) -> None:
    with FeedbackLog(tmp_path) as log:
        log.append([play(str(n), f"u{n % 700}") for n in range(1400)])
        assert log.since(1398)["event_id"].to_list() == ["1398", "1399"]
        assert log.since(10, limit=3)["sequence"].to_list() == [11, 12, 13]
        assert log.since(1400).is_empty()
        users = [f"u{n}" for n in range(650)]  # more than one SQL condition holds
        events = log.of_users(users, since=700)
        assert events["event_id"].to_list() == [str(n) for n in range(700, 1350)]
        assert log.of_users([]).schema == SCHEMA


def test_threads_and_processes_write_at_once_and_every_event_is_there_once(tmp_path: Path) -> None:
    writer = (
        "import sys\nfrom pathlib import Path\nfrom recsat.feedback.event import FeedbackEvent\nfrom recsat.feedback.log import FeedbackLog\n"
        "with FeedbackLog(Path(sys.argv[1])) as log:\n"
        "    for n in range(40):\n"
        "        log.append([FeedbackEvent(event_id=f'{sys.argv[2]}-{n}', user_id='u', item_id='i', event='play'),\n"
        "                    FeedbackEvent(event_id=f'both-{n}', user_id='u', item_id='i', event='play')])\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", writer, str(tmp_path), name]) for name in ("p", "q")]
    with FeedbackLog(tmp_path) as log, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: log.append([play(f"t-{n}")]), range(40)))
        assert [process.wait(60) for process in processes] == [0, 0]
        events = log.since(0)
    expected = {f"{who}-{n}" for who in ("p", "q", "both", "t") for n in range(40)}
    assert events.height == len(expected)
    assert set(events["event_id"]) == expected
    assert events["sequence"].is_sorted()
    assert events["sequence"].n_unique() == len(expected)


def test_nothing_acknowledged_is_lost_over_twenty_kills(tmp_path: Path) -> None:
    writer = (
        "import sys\nfrom pathlib import Path\nfrom recsat.feedback.event import FeedbackEvent\nfrom recsat.feedback.log import FeedbackLog\n"
        "log, n = FeedbackLog(Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    batch = [FeedbackEvent(event_id=f'{sys.argv[2]}-{n}-{i}', user_id='u', item_id='i', event='play') for i in range(3)]\n"
        "    log.append(batch)\n"
        "    print(n, flush=True)\n"
        "    n += 1\n"
    )
    acknowledged = 0
    for kill in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, str(tmp_path), str(kill)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(1 + 3 * (kill % 5)):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        last = process.communicate()[0].split()
        batches = 1 + 3 * (kill % 5) + len(last)
        acknowledged += batches
        with FeedbackLog(tmp_path) as log:
            counts = log.since(0).group_by(pl.col("event_id").str.extract(r"^(\d+-\d+)")).len()
        of_kill = counts.filter(pl.col("event_id").str.starts_with(f"{kill}-"))
        assert of_kill.height in (batches, batches + 1)  # one may be on the disk without having been acknowledged
        assert counts["len"].unique().to_list() == [3]  # no batch in part
    assert counts.height >= acknowledged


def test_what_is_acknowledged_survives_a_power_cut_too(tmp_path: Path) -> None:
    """By what SQLite promises of these two settings; a kill alone does not tell them from weaker ones."""
    with FeedbackLog(tmp_path) as log:
        log.append([play("1")])
        settings = [log._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_the_log_is_append_only(tmp_path: Path) -> None:
    with FeedbackLog(tmp_path) as log:
        log.append([play("1")])
    with sqlite3.connect(tmp_path / "events.sqlite") as connection:
        for statement in ("DELETE FROM events", "UPDATE events SET user_id = 'bob'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_files_that_are_no_feedback_log_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    path.write_bytes(b"not a database, whatever its name says" * 40)
    with pytest.raises(FeedbackError, match="the feedback log cannot be used"):
        FeedbackLog(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE mine (x)")
    foreign.close()
    with pytest.raises(FeedbackError, match=r"is no feedback log of this recsat \(format 0, not 1\)"):
        FeedbackLog(tmp_path)
    with sqlite3.connect(path) as foreign:
        assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
        foreign.execute("PRAGMA user_version = 9")
    foreign.close()
    with pytest.raises(FeedbackError, match=r"\(format 9, not 1\)"):
        FeedbackLog(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FeedbackError, match="no feedback log can be opened"):
        FeedbackLog(tmp_path / "file" / "feedback")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", ""),
        ("user_id", "a\x00b"),
        ("item_id", "\ud800"),
        ("value", float("nan")),
        ("timestamp", "2026-11-26T12:00:00"),
        ("timestamp", "0001-01-01T00:00:00+14:00"),
        ("position", 0),
        ("columns", {"x": float("inf")}),
        ("columns", {"x": [1]}),
        ("colour", "red"),
    ],
)
def test_what_is_no_event_is_refused_with_the_name_of_the_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        FeedbackEvent.model_validate({"user_id": "u", "item_id": "i", "event": "play", field: value})
