"""Which encoding bytes are in that are not UTF-8: by charset-normalizer, and by what no language writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from recsat.errors import DataError

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

WESTERN: Final = "cp1252"
"""Latin-1 with the typographic signs that Windows puts in its holes."""
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
SIGN_IN_WORD: Final = re.compile(
    r"[A-Za-z][\xa1-\xbf\xd7\xf7][A-Za-z]|\b[\xa1-\xa9\xab-\xb9\xbb-\xbf]?[\xb3\xb9\xa3\xa5\xaf][a-z]"
)
"""A sign inside a word, which is what letters of the East of Europe are as Latin-1."""
LONG_RUN: Final = re.compile(r"[^\W\d_a-zA-Z]{4,}")
"""So many letters that are not ASCII beside each other stand in no word of a Latin script."""
OUT_OF_ORDER: Final = re.compile(
    r"[\u0e40-\u0e44](?![\u0e01-\u0e2e])|[\u0e50-\u0e5b][\u0e01-\u0e4e]|[\u0e01-\u0e4e][\u0e50-\u0e5b]|\u0e2f[\u0e01-\u0e2e]"
    r"|[\u064b-\u064d][\u0621-\u064a]"
)
"""A Thai vowel that stands before a consonant without one, Thai digits and the sign of an abbreviation within a word, an Arabic ending within a word."""
HALF_KANA: Final = re.compile(r"[\uff61-\uff9f]")
"""Katakana of half width, which no title is written in."""
SIGN_BESIDE_LETTER: Final = re.compile(r"(?<=[^\W\d_])[\xb6\xb1\xa6\xac]|[\xb6\xb1\xa6\xac](?=[^\W\d_])")
"""What ś, ą, Ś and Ź of ISO 8859-2 are in cp1250."""
ICELANDIC, TURKISH_TOO = frozenset("ðþýÐÞÝ"), frozenset("çÇüÜöÖ")
"""Letters of Latin-1 that are ğ, ş, ı and their capitals in Turkish text, and letters that both read alike."""
ACCENTS: Final = frozenset("áéíóúæÁÉÍÓÚÆ")
HANGUL, HAN, KANA = (
    re.compile(letters) for letters in ("[\uac00-\ud7a3]", "[\u4e00-\u9fff\uf900-\ufaff]", "[\u3040-\u30ff]")
)
MOST_READINGS: Final = 4
RARE: Final = 0.2
"""Share of syllables outside of KS X 1001, the common ones, from which a text is no Korean."""


def likely_encoding(name: str, data: bytes) -> str:
    """The encoding of bytes that are not UTF-8, by charset-normalizer; DataError where two would read them alike well."""
    from charset_normalizer import from_bytes

    text = data.decode("utf-8", errors="replace")
    n_bad, n_signs = text.count("\ufffd"), len(text) - len(text.encode("ascii", errors="ignore"))
    if n_signs > 2 * n_bad:
        place = len(text.partition("\ufffd")[0].encode())
        raise DataError(
            f"{name}: it is UTF-8 but for {n_bad:,} places, the first at byte {place:,}. Mend them, or set encoding."
        )
    lines = [line for line in data.splitlines() if not line.isascii()]
    readings = from_bytes(b"\n".join(lines[:2000]), cp_isolation=list(ENCODINGS), threshold=0.3)
    matches = [match for match in readings if not _is_half_kana(str(match))]
    least = min((match.chaos for match in matches), default=0.0)
    clean = [match for match in matches if match.chaos <= least + AS_GOOD]
    most = max((match.coherence for match in clean), default=0.0)
    likely = [match for match in clean if match.coherence >= most - AS_GOOD]
    likely = _plausible(likely)
    all_latin = all(LATIN & {*match.could_be_from_charset} for match in likely)
    if not likely or (all_latin and any(WESTERN in match.could_be_from_charset for match in likely)):
        return _latin(name, data)
    if len(likely) == 1:
        return _decodes(name, data, _eastern(data) if likely[0].encoding == "cp1250" else likely[0].encoding)
    raise _unclear(name, [(match.encoding, str(match)) for match in likely[:MOST_READINGS]])


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


def _latin(name: str, data: bytes) -> str:
    """Latin-1, or the encoding of the East of Europe or of Turkish that reads letters where Latin-1 has signs or Icelandic."""
    text = data.decode(WESTERN, errors="replace")
    eastern = data.decode("cp1250", errors="replace")
    if SIGN_IN_WORD.search(text) and not SIGN_IN_WORD.search(eastern):
        return _decodes(name, data, _eastern(data))
    letters = {*text}
    if letters & ICELANDIC and not letters & ACCENTS:
        if letters & TURKISH_TOO:
            return _decodes(name, data, "cp1254")
        raise _unclear(
            name, [(encoding, data.decode(encoding, errors="replace")) for encoding in (WESTERN, "cp1254", "cp1257")]
        )
    return _decodes(name, data, WESTERN)


def _eastern(data: bytes) -> str:
    """ISO 8859-2 where cp1250 would have signs beside letters and it has none, else cp1250."""
    windows, iso = (data.decode(encoding, errors="replace") for encoding in ("cp1250", "iso8859_2"))
    return "iso8859_2" if SIGN_BESIDE_LETTER.search(windows) and not SIGN_BESIDE_LETTER.search(iso) else "cp1250"


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
