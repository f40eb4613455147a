"""Catalogues of messages: recsat's, and those that plugins bring for what they say themselves.

A plugin's stands beside the module of its hooks, at ``locale/<language>.po``; it is read without importing the plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from recsat.config.settings import Language
from recsat.contract.domain import Domain, SatisfactionMetric
from recsat.measure.measures import of_metrics

SLOT: Final = re.compile(r"\{(\w+)\}")
"""What a message leaves open for the data, such as ``{title}`` of a reason."""


def catalogue(language: Language) -> Catalog:
    """recsat's messages of a language, as its file has them."""
    with files("recsat.report").joinpath(f"locale/{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def plugin_catalogues(language: Language) -> list[Catalog]:
    """Those of the installed plugins that have one, by the names of their entry points."""
    points = sorted(entry_points(group="recsat"), key=lambda point: (point.name, point.value))
    catalogues = [plugin_catalogue(point.module, language) for point in points]
    return [one for one in catalogues if one is not None]


def plugin_catalogue(module: str, language: Language) -> Catalog | None:
    """That of the package in which ``module``, a plugin's hooks, stands; None where it has none, or is no package."""
    try:
        spec = find_spec(module.rpartition(".")[0] or module)
    except (ImportError, ValueError):  # `recsat plugins` says what is wrong with it
        return None
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "locale" / f"{language}.po"
        if path.is_file():
            with path.open("rb") as file:
                return read_po(file, locale=language)
    return None


def texts_of_domain(domain: Domain, metrics: Iterable[SatisfactionMetric] = ()) -> list[str]:
    """What a report shows of a domain in the domain's words, each text once: its measures (and further ``metrics``), and its reasons."""
    by_name = {metric.name: metric for metric in (*domain.metrics, *metrics)}
    texts = [text for info in of_metrics(by_name) for text in (info.label, info.description, info.estimand, info.unit)]
    return [text for text in dict.fromkeys([*texts, *domain.reasons.values()]) if text and text != "%"]


def untranslated(texts: Iterable[str], language: Language, one: Catalog) -> list[str]:
    """Those of ``texts`` that neither recsat's catalogue nor ``one`` translate, or of which the translation has other slots."""
    known = {**translations_in(one), **translations_in(catalogue(language))}
    return [text for text in texts if text not in known or slots_of(known[text]) != slots_of(text)]


def slots_of(text: str) -> list[str]:
    """What a text leaves open, sorted.

    >>> slots_of("liked by {people} in the last {days}")
    ['days', 'people']
    """
    return sorted(SLOT.findall(text))


def translations_in(one: Catalog) -> Mapping[str, str]:
    """Message to translation, of what is translated."""
    return {str(message.id): str(message.string) for message in one if message.id and message.string}
