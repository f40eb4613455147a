"""A key that stands twice in an object of JSON with two values is refused with its row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from recsat import DataError
from recsat.data import json_keys
from recsat.data.columns import Column
from recsat.data.json_keys import DoubledKey, once
from recsat.data.reading import read_table
from recsat.errors import FeedbackError
from recsat.feedback.reading import read_events

COLUMNS = {"user_id": Column(), "value": Column(kind="number", required=False)}
SOUND = ['{"user_id": "u", "value": 1}', "", '{"user_id": "u \\"value\\" ", "value": 2}']


def read(folder: Path, rows: list[str], name: str = "events.jsonl") -> list[tuple[object, ...]]:
    text = "\n".join(rows).encode()
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return read_table(folder / name, COLUMNS)[0].select("user_id", "value").rows()


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz", "events.ndjson"])
def test_the_row_the_key_and_both_values_are_said(name: str, tmp_path: Path) -> None:
    doubled = [*SOUND, '{"value": 5, "user_id": "v", "value": 1}', '{"user_id": "w", "user_id": "x", "value": 1}']
    message = rf"{name}, row 3: the key 'value' stands twice in one object, with 5 and with 1, and so in 2 rows\."
    with pytest.raises(DataError, match=message):
        read(tmp_path, doubled, name)
    assert read(tmp_path, SOUND, name) == [("u", 1.0), ('u "value"', 2.0)]


def test_rows_are_counted_through_a_file_that_is_looked_at_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_keys, "PART", 10)
    with pytest.raises(DataError, match=r"events.jsonl, row 3: the key 'value' stands twice"):
        read(tmp_path, [*SOUND, '{"user_id": "v", "value": 1, "value": 2}'])


def test_the_same_value_twice_loses_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, ['{"user_id": "u", "value": 5, "value": 5}']) == [("u", 5.0)]


def test_keys_of_different_objects_are_no_double(tmp_path: Path) -> None:
    rows = ['{"user_id": "u", "value": 1, "of": [{"value": 1}, {"value": 2}]}']
    assert read(tmp_path, rows) == [("u", 1.0)]
    with pytest.raises(DataError, match=r"row 1: the key 'x' stands twice in one object, with 2 and with 3\."):
        read(tmp_path, ['{"user_id": "u", "value": 1, "of": [{"x": 1}, {"x": 2, "x": 3}]}'])


def test_rows_of_an_array_are_looked_at_too(tmp_path: Path) -> None:
    rows = ["[", '{"user_id": "u", "value": 1},', '{"user_id": "v", "value": 1, "value": 2}', "]"]
    with pytest.raises(DataError, match=r"events.json: the key 'value' stands twice"):
        read(tmp_path, rows, "events.json")
    assert read(tmp_path, [*rows[:2], '{"user_id": "v", "value": 1}', "]"], "events.json") == [("u", 1.0), ("v", 1.0)]


def test_events_of_feedback_are_held_to_it(tmp_path: Path) -> None:
    event = {"user_id": "u", "item_id": "i", "event": "click", "timestamp": "2024-01-01T00:00:00Z"}
    text = json.dumps(event)
    (tmp_path / "log.jsonl").write_text(f'{text}\n{text[:-1]}, "user_id": "v"}}\n', encoding="utf-8")
    with pytest.raises(FeedbackError, match="row 2: the key 'user_id' stands twice"):
        read_events(tmp_path / "log.jsonl")


def test_the_hook_keeps_an_object_as_it_is() -> None:
    assert json.loads('{"a": {"b": [1, {"c": null}]}}', object_pairs_hook=once) == {"a": {"b": [1, {"c": None}]}}
    with pytest.raises(DoubledKey):
        json.loads('{"a": {"b": 1, "b": 2}}', object_pairs_hook=once)
