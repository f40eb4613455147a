"""The words that a reader may not know, each explained where it first stands."""

from __future__ import annotations

from collections.abc import MutableSet

from markupsafe import Markup, escape

from recsat.report.language import gettext

CLOSING = ").,;:?!）。，；：？！"
"""Marks that do not begin a line."""


def explained(text: str, explained_terms: MutableSet[str], *terms: str) -> Markup:
    """``text`` escaped, with each of the ``terms`` that no text before had as a button that opens what it means.

    The browser opens and closes it by itself, by touch and by key; ``explained_terms`` are those that had their turn.
    """
    words = {term: word_of(term) for term in terms if term not in explained_terms}
    html, end = Markup(), 0
    for at, term in sorted((text.index(word), term) for term, word in words.items() if word in text):
        if at >= end:
            explained_terms.add(term)
            after = at + len(words[term])
            marks = text[after : len(text) - len(text[after:].lstrip(CLOSING))]
            word = button(term, words[term])
            html += escape(text[end:at])
            html += Markup('<span class="unbroken">{}{}</span>').format(word, marks) if marks else word
            end = after + len(marks)
    return html + escape(text[end:])


def button(term: str, word: str) -> Markup:
    """A word that opens its definition."""
    return Markup(
        '<button type="button" class="term" popovertarget="term-{term}">{word}</button>'
        '<span popover id="term-{term}" class="definition">{definition}</span>'
    ).format(term=term, word=word, definition=definition(term))


def word_of(term: str) -> str:
    """The word by which a term stands in a text."""
    return {
        "arm": gettext("arm"),
        "baseline": gettext("baseline"),
        "filters": gettext("filter"),
        "hit": gettext("hit"),
        "interval": gettext("interval"),
        "measure": "nDCG",
        "exploratory": gettext("exploratory"),
        "slice": gettext("slice"),
        "split": gettext("split"),
        "words": gettext("words alone"),
    }[term]


def definition(term: str) -> str:
    """What a term means, in a sentence or two."""
    return {
        "arm": gettext("An arm is one way of making recommendations; every arm makes lists for the same users."),
        "baseline": gettext("The baseline is the arm that every other arm is compared with, user by user."),
        "filters": gettext("A filter keeps items from a user's list, such as those seen before."),
        "hit": gettext(
            "A hit is a listed item that the user went on to like in the part of the events that was held out. "
            "Nobody was asked, and nobody was shown these lists."
        ),
        "interval": gettext(
            "Of a hundred such intervals about so many hold the true value; one that leaves out 0 shows a difference."
        ),
        "measure": gettext(
            "nDCG counts the hits of a list, those further up counting more; 1 is the best list possible. Every measure is explained under “What the measures mean”."
        ),
        "exploratory": gettext(
            "A sign stands where the interval of the difference leaves out 0 and its p-value is small enough, corrected for how many differences are tested "
            "(Benjamini and Hochberg). Of the signs of a table so large a part may be false on average; the verdicts alone decide, by Holm's stricter correction."
        ),
        "slice": gettext(
            "A slice is a part of the users or of the items that is judged apart. Cold users liked few items before; head items are the most liked, cold items nobody had liked."
        ),
        "split": gettext(
            "A split is one way to hold events out: arms learn from the rest, and their lists are judged by what was held out."
        ),
        "words": gettext(
            "Words alone: the same arm with TF-IDF words of the same texts in place of the language model. What they reach is not the model's."
        ),
    }[term]
