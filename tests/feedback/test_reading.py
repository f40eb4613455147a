"""Events from files: every row is an event or named, and the same file again is the same events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsat.errors import FeedbackError
from recsat.feedback.log import FeedbackLog
from recsat.feedback.reading import read_events


def written(place: Path, name: str, text: str) -> Path:
    path = place / name
    path.write_text(text, encoding="utf-8")
    return path


def test_both_forms_give_the_same_events(tmp_path: Path) -> None:
    lines = written(
        tmp_path,
        "a.jsonl",
        '{"event_id": "1", "user_id": "ann", "item_id": "7", "event": "rating", "value": 4.5, "timestamp": "2026-11-26T10:00:00Z", '
        '"position": 2, "columns": {"shop": "north"}}\n\n'
        '{"event_id": "2", "user_id": "ben", "item_id": "8", "event": "rating", "value": null, "timestamp": "2026-11-26T11:00:00+01:00"}\n',
    )
    table = written(
        tmp_path,
        "a.csv",
        "event_id,user_id,item_id,event,value,timestamp,position,shop\n"
        "1,ann,7,rating,4.5,2026-11-26T10:00:00Z,2,north\n"
        "2,ben,8,rating,,2026-11-26T11:00:00+01:00,,\n",
    )
    events = read_events(lines)
    assert events == read_events(table)
    assert [one.timestamp for one in events] == [datetime(2026, 11, 26, 10, tzinfo=UTC)] * 2
    assert (events[0].columns, events[1].value) == ({"shop": "north"}, None)


def test_the_same_file_again_changes_nothing_though_it_names_no_events(tmp_path: Path) -> None:
    text = "user_id,item_id,event,timestamp\n" + "".join(
        f"u{n % 3},i{n},click,2026-11-26T10:00:0{n}Z\n" for n in range(9)
    )
    file = written(tmp_path, "clicks.csv", text)
    with FeedbackLog(tmp_path / "log") as log:
        assert log.append(read_events(file)).new == 9
        again = log.append(read_events(file))
        assert (again.new, again.repeated) == (0, 9)


def test_rows_at_fault_are_named_and_nothing_is_taken(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "bad.jsonl",
        '{"event_id": "1", "user_id": "ann", "item_id": "7", "event": "click"}\n'
        '{"user_id": "ann", "item_id": "7", "event": "click"}\n'
        '["no", "object"]\n'
        "{half\n"
        '{"event_id": "5", "user_id": "", "item_id": "7", "event": "click", "timestamp": "2026-11-26T10:00:00"}\n',
    )
    with pytest.raises(FeedbackError) as error:
        read_events(file)
    head, *rows = str(error.value).split("\n")
    assert "4 rows are no events" in head
    assert [row.split(":")[0] for row in rows] == ["row 2", "row 3", "row 4", "row 5"]
    assert "neither event_id nor timestamp" in rows[0]
    assert "user_id" in rows[3]
    assert "timestamp" in rows[3]


def test_many_faults_are_counted_and_ten_are_named(tmp_path: Path) -> None:
    file = written(tmp_path, "bad.csv", "user_id,item_id\n" + "a,b\n" * 15)
    with pytest.raises(FeedbackError, match=r"(?s)15 rows are no events.*row 10: .*\nand 5 more$"):
        read_events(file)


@pytest.mark.parametrize(("name", "content"), [("a.txt", b"{}"), ("a.csv", b"\xff\xfe"), ("a.jsonl", b"\xff")])
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FeedbackError, match=name):
        read_events(tmp_path / name)
