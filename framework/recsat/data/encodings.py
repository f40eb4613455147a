"""Which encoding bytes are in that are not UTF-8: by charset-normalizer, and by what no language writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

from recsat.data.alphabets import WESTERN, latin_readings
from recsat.errors import DataError

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

ENCODINGS: Final = (
    WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp874",
    "iso8859_6",
)  # fmt: skip
LATIN: Final = frozenset({WESTERN, "cp1250", "cp1254"})
AS_GOOD: Final = 0.06
"""Difference of charset-normalizer's share of mess within which two encodings cannot be told apart."""
MIXED: Final = re.compile(
    r"[A-Za-z][\u0370-\u06ff\u0e01-\u0e5b\u3040-\ud7a3]|[\u0370-\u06ff\u0e01-\u0e5b\u3040-\ud7a3][A-Za-z]"
)
"""Letters of two scripts side by side, as the wrong one of two encodings often has them."""
WITHIN_WORD: Final = re.compile(r"[^\W\d_a-zA-Z][\xa4\xa6-\xa9\xab-\xb6\xbb][^\W\d_a-zA-Z]|[\u3131-\u318e]")
"""Signs that stand within no word, and parts of Korean syllables, which stand alone in none."""
LONG_RUN: Final = re.compile(r"[^\W\d_a-zA-Z]{4,}")
"""So many letters that are not ASCII beside each other stand in no word of a Latin script."""
OUT_OF_ORDER: Final = re.compile(
    r"[\u0e40-\u0e44](?![\u0e01-\u0e2e])|[\u0e50-\u0e5b][\u0e01-\u0e4e]|[\u0e01-\u0e4e][\u0e50-\u0e5b]|\u0e2f[\u0e01-\u0e2e]"
    r"|(?<![\u0e01-\u0e3a\u0e40-\u0e4e])[\u0e30-\u0e3a\u0e45\u0e47-\u0e4e]"
    r"|[\u064b-\u064d][\u0621-\u064a]|[бвгджзклмнпрстфхцчшщ]й|[аеёиоуыэюяй][ьъ]|\b[ьъ]",
    re.IGNORECASE,
)
"""A Thai vowel that stands before a consonant without one, or after one and with none before it, Thai digits and the sign of an abbreviation within a word, an
Arabic ending within a word, й after a consonant, ь and ъ where no consonant is before them."""
HALF_KANA: Final = re.compile(r"[\uff61-\uff9f]")
"""Katakana of half width, which no title is written in."""
HANGUL, HAN, KANA = (
    re.compile(letters) for letters in ("[\uac00-\ud7a3]", "[\u4e00-\u9fff\uf900-\ufaff]", "[\u3040-\u30ff]")
)
MOST_READINGS: Final = 4
RARE: Final = 0.2
"""Share of syllables outside of KS X 1001, the common ones, from which a text is no Korean."""


def likely_encoding(name: str, data: bytes, columns: Collection[str] = ()) -> str:
    """The encoding of bytes that are not UTF-8, by charset-normalizer; DataError where two would read them alike well.

    Where one encoding alone reads the name of one of the ``columns`` that are looked for in the first line, it is that one.
    """
    from charset_normalizer import from_bytes

    text = data.decode("utf-8", errors="replace")
    n_bad, n_signs = text.count("\ufffd"), len(text) - len(text.encode("ascii", errors="ignore"))
    if n_signs > 2 * n_bad:
        place = len(text.partition("\ufffd")[0].encode())
        raise DataError(
            f"{name}: it is UTF-8 but for {n_bad:,} places, the first at byte {place:,}. Mend them, or set encoding."
        )
    by_header = _of_header(data, columns)
    if by_header is not None:
        return _decodes(name, data, by_header)
    sample = b"\n".join([line for line in data.splitlines() if not line.isascii()][:2000])
    readings = from_bytes(sample, cp_isolation=list(ENCODINGS), threshold=0.3)
    matches = _plausible([match for match in readings if not _is_half_kana(str(match))])
    least = min((match.chaos for match in matches), default=0.0)
    clean = [match for match in matches if match.chaos <= least + AS_GOOD]
    most = max((match.coherence for match in clean), default=0.0)
    likely = [match for match in clean if match.coherence >= most - AS_GOOD]
    likely = _plausible(likely)
    if all(LATIN & {*match.could_be_from_charset} for match in likely):
        return _latin(name, data, sample)
    if len(likely) == 1:
        return _decodes(name, data, likely[0].encoding)
    raise _unclear(name, [(match.encoding, str(match)) for match in likely[:MOST_READINGS]])


def _of_header(data: bytes, columns: Collection[str]) -> str | None:
    header = data.partition(b"\n")[0]
    named = {column for column in columns if not column.isascii()}
    encodings: dict[str, str] = {}
    for encoding in ENCODINGS if named else ():
        text = header.decode(encoding, errors="replace")
        if named & {*re.findall(r"\w+", text.lower())}:
            encodings.setdefault(text, encoding)
    return next(iter(encodings.values())) if len(encodings) == 1 else None


def _unclear(name: str, readings: Sequence[tuple[str, str]]) -> DataError:
    examples = " or ".join(f"{encoding} ({_example(text)})" for encoding, text in readings)
    return DataError(
        f"{name}: it is not UTF-8, and which encoding it has is not clear. It may be {examples}. Set encoding to the one that reads right."
    )


def _plausible(matches: list[CharsetMatch]) -> list[CharsetMatch]:
    """``matches`` without those that no language writes; all of them where that leaves none."""
    is_japanese = any(match.encoding in ("cp932", "euc_jp") and KANA.search(str(match)) for match in matches)
    rules: list[Callable[[CharsetMatch], bool]] = [
        lambda match: MIXED.search(str(match)) is not None,
        lambda match: WITHIN_WORD.search(str(match)) is not None,
        lambda match: OUT_OF_ORDER.search(str(match)) is not None,
        lambda match: any(HANGUL.search(word) and HAN.search(word) for word in re.findall(r"\w+", str(match))),
        lambda match: _rare_syllables(str(match)) > RARE,
        lambda match: is_japanese and match.encoding not in ("cp932", "euc_jp") and KANA.search(str(match)) is not None,
        lambda match: _has_loose_marks(str(match)),
        lambda match: match.encoding in LATIN and LONG_RUN.search(str(match)) is not None,
    ]
    for is_unwritten in rules:
        matches = [match for match in matches if not is_unwritten(match)] or matches
    return matches


def _is_half_kana(text: str) -> bool:
    """Whether katakana of half width are more than a sign here and there."""
    return len(HALF_KANA.findall(text)) > RARE * sum(not sign.isascii() for sign in text)


def _has_loose_marks(text: str) -> bool:
    """Whether vowel points begin a word, or are most of what is written."""
    words = re.findall(r"[^\s,;|\"]+", text)
    letters = [sign for sign in "".join(words) if not sign.isascii()]
    n_marks = sum(unicodedata.combining(sign) > 0 for sign in letters)
    return any(unicodedata.combining(word[0]) for word in words) or n_marks > len(letters) / 2


def _rare_syllables(text: str) -> float:
    syllables = HANGUL.findall(text)
    return sum(not _is_common(syllable) for syllable in syllables) / len(syllables) if syllables else 0.0


def _is_common(syllable: str) -> bool:
    try:
        syllable.encode("euc_kr")
    except UnicodeEncodeError:
        return False
    # Outside of the standard's table a syllable is written as its parts, of eight bytes.
    return len(syllable.encode("euc_kr")) == 2


def _latin(name: str, data: bytes, sample: bytes) -> str:
    """The encoding of a Latin script; DataError where two read letters of a language."""
    encodings = latin_readings(sample)
    if len(encodings) == 1:
        return _decodes(name, data, encodings[0])
    raise _unclear(
        name, [(encoding, sample.decode(encoding, errors="replace")) for encoding in encodings[:MOST_READINGS]]
    )


def _decodes(name: str, data: bytes, encoding: str) -> str:
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == WESTERN:
            return "latin-1"
        raise DataError(
            f"{name}: it is not UTF-8, and as {encoding} byte {error.start:,} cannot be read. Set encoding."
        ) from error
    return encoding


def _example(text: str) -> str:
    line = next((line for line in text.splitlines() if not line.isascii()), text)
    return repr(line.strip()[:40])
