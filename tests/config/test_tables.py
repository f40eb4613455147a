"""What may be said of a table's file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from recsat.config.tables import Tables, TableSettings


@pytest.mark.parametrize(
    ("separator", "sign"),
    [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("\\t", "\t"), ("pipe", "|"), (";", ";"), ("::", "::")],
)
def test_a_separator_is_a_sign_or_its_name(separator: str, sign: str) -> None:
    assert TableSettings(separator=separator).separator == sign


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"separator": "semicolons"},
            "separator 'semicolons' is not one sign of ASCII. Give one, or comma, semicolon, tab, pipe",
        ),
        ({"encoding": "latin-42"}, "encoding 'latin-42' is not known. Give one such as utf-8, latin-1"),
        ({"time_unit": "days"}, "'seconds', 'milliseconds', 'microseconds' or 'nanoseconds'"),
        ({"colums": {}}, "Extra inputs are not permitted"),
    ],
)
def test_what_no_file_can_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace(".", r"\.")):
        TableSettings.model_validate(settings)


def test_only_events_have_names_of_events() -> None:
    assert Tables.model_validate({"events": {"event_names": {"buy": "purchase"}}}).events.event_names == {
        "buy": "purchase"
    }
    with pytest.raises(ValidationError):
        Tables.model_validate({"items": {"event_names": {"buy": "purchase"}}})
