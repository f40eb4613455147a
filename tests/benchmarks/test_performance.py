from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import performance
from performance import Part, page


@pytest.fixture
def benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(performance, "FOLDER", tmp_path)
    (tmp_path / "fast.py").write_text("import os; print('1.2 × the limit,', os.environ['OMP_NUM_THREADS'], 'thread')")
    (tmp_path / "slow.py").write_text("import sys; print('9 × the limit', *sys.argv[1:]); sys.exit(1)")
    (tmp_path / "broken.py").write_text("print('2 × the limit'); raise ImportError('no torch')")
    return tmp_path


def test_a_page_has_what_every_benchmark_printed_and_which_bars_were_not_reached(benchmarks: Path) -> None:
    text, reached = page((Part("Quick", "ahead", "fast.py"), Part("Heavy", "below 2", "slow.py --users 3")))
    assert not reached
    quick, heavy = text.split("## ")[1:]
    assert "Bar: ahead. Here: reached. `python tests/benchmarks/fast.py`" in quick
    assert "1.2 × the limit, 1 thread" in quick
    assert "Here: **not reached**" in heavy
    assert "9 × the limit --users 3" in heavy
    assert page((Part("Quick", "ahead", "fast.py"),))[1]


def test_a_benchmark_that_breaks_makes_no_page(benchmarks: Path) -> None:
    with pytest.raises(SystemExit, match="no torch"):
        page((Part("Broken", "any", "broken.py"),))


def test_every_part_names_a_benchmark_that_is_there() -> None:
    for part in performance.PARTS:
        assert (Path(__file__).parent / part.command.split()[0]).is_file()
