"""What a split's data can answer, in words."""

from __future__ import annotations

from recsat.measure.fitness import FEWEST_JUDGED
from recsat.report.language import gettext
from recsat.result.model import DataFitness
from recsat.result.numerals import number, p_value, share

INFORMATIVE = 0.05
"""p-value of the order of events from which on it is said to be informative."""


def reason(fitness: DataFitness) -> str:
    """Why a split can or cannot answer."""
    n_judged, n_without = _n_judged(fitness), _n_without(fitness)
    n_measured = _n_measured(fitness)
    if fitness.can_answer:
        return gettext("%(n)s users can be judged, which is enough.", n=f"{n_measured:,}")
    if n_measured < FEWEST_JUDGED:
        return gettext(
            "%(n)s of %(n_judged)s judged users have a history, and fewer than %(fewest)s say nothing about others.",
            n=f"{n_measured:,}",
            n_judged=f"{n_judged:,}",
            fewest=FEWEST_JUDGED,
        )
    return gettext(
        "%(n)s of %(n_judged)s judged users have no history, and their lists are the fallback's whatever the arm.",
        n=f"{n_without:,}",
        n_judged=f"{n_judged:,}",
    )


def remedy(fitness: DataFitness) -> str:
    """What to do about a split that cannot answer; empty where it can."""
    if fitness.can_answer:
        return ""
    if _n_measured(fitness) < FEWEST_JUDGED:
        return gettext("Bring more data, hold out more, or choose another protocol.")
    return gettext("Choose the protocol last-n or random, or cut later.")


def facts(fitness: DataFitness) -> list[str]:
    """What the tables of a split say, a sentence each."""
    n_judged, n_without = _n_judged(fitness), _n_without(fitness)
    without, tied, order = fitness.users_without_history.value, fitness.tied_times.value, fitness.order.value
    unseen, ahead = fitness.unseen_items.value, fitness.ahead_of_time.value
    return [
        gettext("%(n)s users have a held-out like and are judged.", n=f"{n_judged:,}"),
        gettext("The test part has no like.")
        if without is None
        else gettext(
            "%(n)s of %(n_judged)s judged users liked nothing before the test (%(percent)s).",
            n=f"{n_without:,}",
            n_judged=f"{n_judged:,}",
            percent=share(without, 1),
        ),
        gettext("The test part has no like.")
        if unseen is None
        else gettext(
            "%(percent)s of the held-out likes are of items without an event in training.", percent=share(unseen, 1)
        ),
        gettext("The events have no times, so their order is not known.")
        if tied is None
        else gettext(
            "%(percent)s of the events share their moment with another of the same user, so that their order is not known.",
            percent=share(tied, 1),
        ),
        _order(order),
        gettext("The held-out likes have no times, so nothing is known of what existed then.")
        if ahead is None
        else gettext(
            "%(percent)s of the held-out likes are dated before the item existed, as far as is known.",
            percent=share(ahead, 1),
        ),
        smallest_difference(fitness),
    ]


def smallest_difference(fitness: DataFitness) -> str:
    """What could be shown with so many users, before an arm is fitted."""
    detectable = fitness.detectable.value
    if detectable is None:
        return gettext("No user is judged, so no difference can be shown.")
    of_users = gettext(
        "With %(n)s users, a difference below %(smallest)s would be missed more than one time in five, if users differ as much as is assumed.",
        n=f"{_n_judged(fitness):,}",
        smallest=f"{detectable:.2g}",
    )
    sentences = [of_users]
    if fitness.n_draws > 1:
        sentences.append(
            gettext("That is of users alone: how %(n)s draws of the items differ comes on top.", n=fitness.n_draws)
        )
    sentences.append(worth_in_words(fitness))
    return " ".join(filter(None, sentences))


def worth_in_words(fitness: DataFitness) -> str:
    """Whether the difference that is worth having can be told with so many users, as far as that is known before arms are fitted; empty where none is named."""
    worth, least, most = fitness.worth_having, fitness.least_detectable, fitness.most_detectable
    if worth is None or least is None or most is None:
        return ""
    values = {"worth": number(worth), "least": f"{least:.2g}", "most": f"{most:.2g}"}
    if worth < least:
        return gettext(
            "A difference of %(worth)s, which is worth having, would mostly be missed: pairs of arms have needed %(least)s to %(most)s to be shown four times in "
            "five to so many users. Bring more users.",
            **values,
        )
    if worth >= most and fitness.n_draws == 1:
        return gettext(
            "A difference of %(worth)s, which is worth having, would be shown four times in five or more often: pairs of arms have needed %(least)s to %(most)s with "
            "so many users.",
            **values,
        )
    return gettext(
        "Whether a difference of %(worth)s, which is worth having, can be told is known when arms have been judged: pairs of arms have needed %(least)s to %(most)s to be "
        "shown four times in five to so many users.",
        **values,
    )


def _order(p: float | None) -> str:
    if p is None:
        return gettext("No user has two events with times, so their order says nothing.")
    if p <= INFORMATIVE:
        return gettext("The order of a user's events is informative (shuffle test, p = %(p)s).", p=p_value(p))
    return gettext(
        "The order of a user's events is not shown to be informative (shuffle test, p = %(p)s): arms that read it may have nothing to read.",
        p=p_value(p),
    )


def _n_judged(fitness: DataFitness) -> int:
    return int(fitness.users_judged.value or 0)


def _n_without(fitness: DataFitness) -> int:
    return round((fitness.users_without_history.value or 0) * _n_judged(fitness))


def _n_measured(fitness: DataFitness) -> int:
    return _n_judged(fitness) if fitness.meant_to_be_new else _n_judged(fitness) - _n_without(fitness)
