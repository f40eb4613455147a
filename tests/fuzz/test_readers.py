"""What the fuzzer calls, on a corpus of its own seeds: sound ones are read, damaged ones read or refused."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

# By its place: the fixtures have a module of this name.
SPEC = importlib.util.spec_from_file_location("fuzz_readers", Path(__file__).with_name("readers.py"))
assert SPEC is not None
assert SPEC.loader is not None
fuzz = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fuzz)
SUFFIXES, corpus, one_input, seeds = fuzz.SUFFIXES, fuzz.corpus, fuzz.one_input, fuzz.seeds

FINDS = {
    "an alias of itself": b"\x07a: &a [*a]",
    "a whole number of five thousand digits": b"\x07seed: " + b"9" * 5_000,
    "a list of five thousand": b"\x08seed = " + b"[" * 5_000,
    "an object within objects": b"\x03" + b'{"a":' * 5_000,
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_sound_file_is_read(suffix: str) -> None:
    assert one_input(seeds()[suffix]) == "read"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_damaged_file_is_read_or_refused(suffix: str) -> None:
    draw, sound = random.Random(suffix), seeds()[suffix]
    outcomes = set()
    for _ in range(25):
        at, length = draw.randrange(1, len(sound)), draw.choice([0, 1, 8, 60])
        outcomes.add(one_input(sound[:at] + draw.randbytes(draw.choice([0, 1, 4])) + sound[at + length :]))
    assert any(outcome != "read" for outcome in outcomes)


@pytest.mark.parametrize("find", FINDS)
def test_what_was_found_is_refused(find: str) -> None:
    assert one_input(FINDS[find]) != "read"


def test_nothing_is_refused() -> None:
    assert one_input(b"") != "read"


def test_the_corpus_has_a_seed_for_each_reader(tmp_path: Path) -> None:
    with corpus(tmp_path / "corpus") as place:
        assert {path.name for path in place.iterdir()} == {f"seed{suffix}" for suffix in SUFFIXES}
