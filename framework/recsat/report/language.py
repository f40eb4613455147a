"""The language of a report: one catalogue of messages for page, Markdown and terminal, and English where it has none.

A message stands in English where it is used, in a template or in code; :mod:`recsat.report.catalogues` has its translations. What a result or
a plugin says is translated where a catalogue knows it, and stays as it is where not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from typing import Final, get_args

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.support import Translations

from recsat.config.settings import Language
from recsat.report.catalogues import SLOT, catalogue, plugin_catalogues, translations_in
from recsat.result import numerals
from recsat.result.model import Result

LANGUAGES: tuple[Language, ...] = get_args(Language)
VARIABLE: Final = re.compile(r"\d+(?:[.,-]\d+)*|'[^']+'")
"""What differs from run to run in a sentence that the result holds: variables, dates and quoted names."""
PHRASES: Final = frozenset({"days", "description", "dimension", "label", "people", "reference", "what"})
"""Slots of a message whose values are messages too; a text where such a value has no translation stays as it is, as a whole."""
VALUES: Final = frozenset({"cells", "new", "old", "reason", "suggestion", "unit"})
"""Slots whose values are translated where they are messages; what stands in all others is the data's."""
_current: ContextVar[Language] = ContextVar("language", default="en")


def language_of(result: Result) -> Language:
    """The language that the run's configuration names; English where it names none."""
    section = result.config.get("report")
    name = section.get("language") if isinstance(section, dict) else None
    return next((language for language in LANGUAGES if language == name), "en")


@contextmanager
def in_language(language: Language) -> Iterator[None]:
    """Within it, every message comes in ``language``."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def current_language() -> Language:
    """The language of :func:`in_language`."""
    return _current.get()


@cache
def _translations(language: Language) -> NullTranslations:
    """recsat's messages before those of plugins."""
    if language == "en":
        return NullTranslations()
    translations = _compiled(catalogue(language))
    for one in plugin_catalogues(language):
        translations.add_fallback(_compiled(one))
    return translations


def _compiled(one: Catalog) -> Translations:
    compiled = BytesIO()
    write_mo(compiled, one)
    compiled.seek(0)
    return Translations(compiled)


@cache
def _patterns(language: Language) -> Sequence[tuple[re.Pattern[str], str]]:
    """What a message with ``{slots}`` looks like when they are filled, and its translation; those with most words of their own first."""
    known: dict[str, str] = {}
    for one in (catalogue(language), *plugin_catalogues(language)):
        known = {**translations_in(one), **known}
    with_slots = sorted(
        (text for text in known if SLOT.search(text)), key=lambda text: (-len(SLOT.sub("", text)), text)
    )
    return [(re.compile(_pattern(text), re.DOTALL), known[text]) for text in with_slots]


def _pattern(text: str) -> str:
    parts = SLOT.split(text)
    return "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts))


def message(text: str) -> str:
    """The translation of a message, its placeholders still in it: for templates, which fill them in and escape what they put there."""
    return _translations(_current.get()).gettext(text)


def plural_message(one: str, many: str, n: int) -> str:
    """Likewise, of a message that has a plural."""
    return _translations(_current.get()).ngettext(one, many, n)


def gettext(text: str, **values: object) -> str:
    """The translation of a message with ``values`` in the place of its ``%(name)s``; a sign of per cent is written ``%%``.

    >>> gettext("%(n)s users", n=3)
    '3 users'
    """
    return message(text) % values


def translation(text: str) -> str | None:
    """The translation of a text that the result holds, such as a measure's label; None where the catalogue has none or none is needed.

    The ``@k`` at the end of a measure's label stays; what stands behind the last semicolon of an arm's description is a sentence of its own. A
    message with ``{slots}``, such as a reason's, stands for every text that fills them in.
    """
    if not text or _current.get() == "en":
        return None
    if (whole := message(text)) != text:
        return whole
    label, _, k = text.rpartition("@")
    if label and k.isdigit() and (words := message(label)) != label:
        return f"{words}@{k}"
    # In the catalogue a # stands for each, in the order of both languages.
    variables = VARIABLE.findall(text)
    if variables and (words := message(VARIABLE.sub("#", text))) != VARIABLE.sub("#", text):
        return re.sub("#", lambda _: variables.pop(0), words)
    head, _, tail = text.rpartition("; ")
    if head and (words := message(f"{head}.")) != f"{head}." and (rest := message(tail)) != tail:
        return words + rest
    matches = ((pattern.fullmatch(text), words) for pattern, words in _patterns(_current.get()))
    return next(
        (filled for values, words in matches if values and (filled := _filled(words, values.groupdict()))), None
    )


def _filled(words: str, values: Mapping[str, str]) -> str | None:
    known = {slot: _value(slot, text) for slot, text in values.items()}
    return None if None in known.values() else SLOT.sub(lambda slot: str(known[slot[1]]), words)


def _value(slot: str, text: str) -> str | None:
    if slot not in PHRASES:
        return in_catalogue(text) if slot in VALUES else text
    parts = [part for phrase in text.split(" and ") if (part := translation(phrase)) is not None]
    return enumerated(parts) if len(parts) == text.count(" and ") + 1 else translation(text)


def in_catalogue(text: str) -> str:
    """A text of the result in the language of the report where the catalogue knows it, else as it is."""
    return translation(text) or text


def enumerated(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return gettext("%(some)s and %(last)s", some=gettext(", ").join(names[:-1]), last=names[-1])


def interval(low: float | None, high: float | None, decimals: int | None = None, *, with_sign: bool = False) -> str:
    """:func:`recsat.result.numerals.interval` with this language's word between ends that have a sign."""
    return numerals.interval(low, high, decimals, with_sign=with_sign, joint=gettext(" to "))
