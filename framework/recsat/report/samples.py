"""Why a sample user stands in the report."""

from __future__ import annotations

from recsat.report.language import gettext, in_catalogue
from recsat.result.model import SampleUser


def reason_for_sample(user: SampleUser) -> str:
    """The slice that the user was drawn from, and what the lists of the arms make of it."""
    hits = {arm: sum(item.hit for item in items) for arm, items in user.lists.items()}
    most, fewest = max(hits, key=lambda arm: hits[arm], default=""), min(hits, key=lambda arm: hits[arm], default="")
    sentences = []
    if user.slice:
        sentences.append(gettext("Drawn from the slice “%(slice)s”.", slice=in_catalogue(user.slice)))
    if hits and hits[most] == 0:
        sentences.append(gettext("No arm has a hit here."))
    elif hits and hits[most] == hits[fewest]:
        sentences.append(gettext("Every arm has as many hits: %(n)s.", n=hits[most]))
    elif hits:
        sentences.append(
            gettext(
                "The arms differ: %(best)s has the most hits, %(most)s; %(worst)s the fewest, %(fewest)s.",
                best=most,
                most=hits[most],
                worst=fewest,
                fewest=hits[fewest],
            )
        )
    return " ".join(sentences)
