"""Which of the encodings of Latin scripts a text is in: the one by which its letters are those of a language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

WESTERN: Final = "cp1252"
"""Latin-1 with the typographic signs that Windows puts in its holes."""
LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = {
    WESTERN: (
        "àâæçéèêëîïôœùûüÿº", "äöüß", "áéíñóúüºª", "áâãàçéêíóôõúüºª", "àèéìíòóùúºª", "æøåéèêóòôäö", "äöåéšž", "áðéíóúýþæö", "éëïóöüáèê", "àçéèíïóòúü", "äõöüšž",
    ),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "čšžäöüß", "ëç"),
    "cp1254": ("çğıöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
}  # fmt: skip
"""By encoding: letters beside a to z of French, German, Spanish, Portuguese, Italian, Danish and Norwegian, Swedish and Finnish, Icelandic, Dutch,
Catalan, Estonian; Polish, Czech, Slovak, Hungarian, Romanian, Croatian and Slovenian, both with German names, Albanian; Turkish; Lithuanian, Latvian, Estonian."""
VOWELS: Final = frozenset("aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿœāēėęěīįıąăőūůűųŕĺºª")
FOLLOWED: Final[Mapping[str, str]] = {
    "õ": "e", "ã": "eo", "œ": "iu", "ñ": "aeiouáéíóú", "ă": "bcdfghjklmnpqrsştţvxz", "ń": "bcdfghjklłmnprsśtwzźż",
}  # fmt: skip
"""What follows a letter within a word more often than the letter that it is by another encoding."""
CLEAR: Final = 0.2
"""Difference of fitness from which one of two readings is the right one."""
SAME: Final = 0.6
"""Weight of the letters that two readings have alike, beside those that they do not."""
SOUND: Final = 0.5
"""Weight of where letters stand in words, beside which letters they are."""
SIBILANTS: Final = frozenset("šśžżźčćř")
"""Consonants that stand beside consonants as often as not."""
NEVER_FIRST: Final = frozenset("ąęńýŕĺß")
NO_BEGIN: Final = frozenset("©®¦¶¬±¤³¹")
"""Signs that stand beside no letter."""
CONTROL: Final = re.compile(r"[\x80-\x9f]")
MOST_SIGNS: Final = 20_000


def latin_readings(data: bytes) -> list[str]:
    """The encodings of :data:`LANGUAGES` that ``data`` may be in: those that no other reading is fitter than, one of each that read alike.

    Of two readings the fitter one is that by whose letters, where the two differ, more are those of one language, and more stand where a vowel, or a consonant, stands in a
    word: ``règle`` is no ``rčgle``.
    """
    texts = {encoding: data.decode(encoding, errors="replace") for encoding in LANGUAGES}
    sound = {encoding: text for encoding, text in texts.items() if not CONTROL.search(text) and "\ufffd" not in text}
    # Whatever bytes are, Latin-1 reads them.
    texts = sound or {WESTERN: data.decode("latin-1")}
    places = [at for at, sign in enumerate(next(iter(texts.values()))) if not sign.isascii()][:MOST_SIGNS]
    letters = {encoding: "".join(text[at] for at in places) for encoding, text in texts.items()}
    unbeaten: list[str] = []
    for encoding in texts:
        others = [one for one in texts if letters[one] != letters[encoding]]
        is_beaten = any(_lead(one, encoding, texts, places) >= CLEAR for one in others)
        if not is_beaten and all(letters[one] != letters[encoding] for one in unbeaten):
            unbeaten.append(encoding)
    return unbeaten or [WESTERN]


def _lead(one: str, other: str, texts: Mapping[str, str], places: Sequence[int]) -> float:
    """How much fitter the reading by ``one`` encoding is than that by the ``other``."""
    differ = [at for at in places if texts[one][at] != texts[other][at]]
    alike = [at for at in places if texts[one][at] == texts[other][at]]
    return _fitness(one, texts[one], differ, alike) - _fitness(other, texts[other], differ, alike)


def _fitness(encoding: str, text: str, differ: Sequence[int], alike: Sequence[int]) -> float:
    counted = [at for at in differ if _is_in_word(text, at)]
    signs = Counter(_small(text[at]) for at in counted)
    others = Counter(_small(text[at]) for at in alike if text[at].isalpha())
    n, n_others = max(signs.total(), 1), max(others.total(), 1)
    of_language = max(
        sum(signs[letter] for letter in letters) / n + SAME * sum(others[letter] for letter in letters) / n_others
        for letters in LANGUAGES[encoding]
    )
    return of_language + sum(_sounds(text, at) for at in counted) / n


def _is_in_word(text: str, at: int) -> bool:
    """Whether a sign is a letter, or one that stands in a word as no sign does."""
    before, after = text[at - 1 : at].isalpha(), text[at + 1 : at + 2].isalpha()
    return text[at].isalpha() or (before and after) or (text[at] in NO_BEGIN and (before or after))


def _sounds(text: str, at: int) -> float:
    """Above 0 where a letter stands as one of its kind does: a vowel beside consonants, a consonant beside vowels; -1 for what stands in no word so."""
    sign, before, after = _small(text[at]), text[at - 1 : at], text[at + 1 : at + 2]
    is_first = not before.isalpha()
    is_after_digit = before.isdigit() and sign not in "ºª"
    is_alone = is_first and not after.isalpha() and sign not in VOWELS
    if (
        not sign.isalpha()
        or is_alone
        or is_after_digit
        or (before.islower() and text[at].isupper())
        or (is_first and sign in NEVER_FIRST)
    ):
        return -1.0
    beside = [_small(letter) in VOWELS for letter in (before, after) if letter.isalpha()]
    follows = (sign in FOLLOWED and after.isalpha() and _small(after) in FOLLOWED[sign]) or (
        sign == "ï" and before in "aeou"
    )
    alike = 0.0 if sign in SIBILANTS else -0.25
    return SOUND * (follows + sum(0.25 if is_vowel != (sign in VOWELS) else alike for is_vowel in beside))


def _small(sign: str) -> str:
    """The small letter; of the Turkish İ one sign, not two."""
    return "ı" if sign == "İ" else sign.lower()
