"""Of two readings of the same bytes the one by which letters stand as they stand in words."""

from __future__ import annotations

import pytest

from recsat.data.alphabets import _small, _sounds, latin_readings


@pytest.mark.parametrize(
    ("likely", "other"),
    [
        ("règle", "rčgle"),  # a vowel between consonants
        ("Kuře", "Kuøe"),  # a consonant between vowels
        ("špan", "ąpan"),  # no word begins so
        ("3º", "3ő"),  # nor does a letter follow a digit
        ("é", "ł"),  # a consonant is no word
        ("Haïti", "Haďti"),
        ("São", "Săo"),
        ("coeur œuf", "coeur śuf"),
        ("Łódź", "£ódź"),  # a sign in a word
        ("wrześ", "wrzeŒ"),  # a capital within one
    ],
)
def test_letters_stand_as_they_do_in_words(likely: str, other: str) -> None:
    (at,) = [at for at, sign in enumerate(likely) if sign != other[at]] or [0]
    assert _sounds(likely, at) > _sounds(other, at)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Łódź 3", "cp1250"),
        ("Łódź… 3", "cp1250"),
        ("Łęk, pół łyżki…", "cp1250"),
        ("naïve – “thé”", "cp1252"),
        ("İyi günler, şeker, dağ", "cp1254"),
    ],
)
def test_what_no_text_has_is_no_reading(text: str, encoding: str) -> None:
    assert latin_readings(text.encode(encoding)) == [encoding]


def test_whatever_bytes_are_something_reads_them() -> None:
    assert latin_readings(bytes(range(128, 256)))


def test_what_all_read_alike_has_one_reading() -> None:
    assert latin_readings("Käse, Öl".encode("cp1252")) == ["cp1252"]


def test_a_small_letter_is_one_sign() -> None:
    assert [_small(sign) for sign in "İIÉ"] == ["ı", "i", "é"]
