"""What is served, as files: written whole, and a history that a kill cannot spoil."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from recsat import RunError
from recsat.stages.promotion.record import EARLIER, LOCK, Decision, PromotionPlace, promoted_domains, promoted_model


def decision(name: str, **change: object) -> Decision:
    fields = {
        "id": name,
        "action": "promoted",
        "time": datetime(2026, 11, 26, tzinfo=UTC),
        "policy": "not-worse",
        "why": "a line\nbreak",
        "fingerprint": f"print-{name}",
        "arm": "ease",
        "run_id": name,
        "run_folder": f"/runs/{name}",
        "collection": "recsat-default-content-1",
        "served_before": None,
        "evidence": [],
        "checks": [],
    }
    return Decision.model_validate({**fields, **change})


def test_what_is_begun_is_served_when_it_is_finished(tmp_path: Path) -> None:
    place = PromotionPlace.of(tmp_path, "content", "team")
    assert (place.promoted(), place.decisions(), place.moving(), place.history()) == (None, [], [], [])
    with place.locked(0):
        place.begin([decision("one")])
        assert place.promoted() is None
        place.finish()
    served = promoted_model(tmp_path, "content", "team")
    assert served is not None
    assert served.path == tmp_path / ".recsat/models/team-content/print-one"
    assert served.decision == decision("one")
    assert promoted_model(tmp_path, "content") is None
    assert (promoted_domains(tmp_path, "team"), promoted_domains(tmp_path)) == (["content"], [])
    place.begin([decision("one"), decision("two")])
    place.abandon()
    assert place.decisions() == [decision("one")]


def test_so_many_models_can_be_gone_back_to(tmp_path: Path) -> None:
    place = PromotionPlace.of(tmp_path, "content")
    place.folder.mkdir(parents=True)
    place.begin([decision(str(n)) for n in range(EARLIER + 5)])
    place.finish()
    assert [one.id for one in place.decisions()] == [str(n) for n in range(4, EARLIER + 5)]


def test_a_line_that_a_kill_cut_off_is_neither_read_nor_in_the_way(tmp_path: Path) -> None:
    place = PromotionPlace.of(tmp_path, "content")
    place.append(decision("one"))
    path = place.folder / "history.jsonl"
    whole = path.read_bytes()
    for cut in range(1, len(whole), 37):
        path.write_bytes(whole + whole[:cut])
        assert place.history() == [decision("one")]
        place.append(decision("two"))
        assert place.history() == [decision("one"), decision("two")]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    place = PromotionPlace.of(tmp_path, "content")
    place.append(decision("one"))
    for name in ("promoted.json", "history.jsonl"):
        (place.folder / name).write_text('{"format": 2}\n')
    with pytest.raises(RunError, match=r"promoted\.json cannot be read"):
        place.promoted()
    with pytest.raises(RunError, match=r"history\.jsonl cannot be read"):
        place.history()


def test_one_process_decides_at_a_time(tmp_path: Path) -> None:
    place = PromotionPlace(tmp_path)
    with FileLock(tmp_path / LOCK), pytest.raises(RunError, match="another process is promoting"), place.locked(0):
        pass
    with place.locked(0):
        pass
