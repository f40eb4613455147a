"""The alerts of a run in words."""

from __future__ import annotations

from recsat.report.language import gettext, interval
from recsat.result.model import Alert
from recsat.result.numerals import decimals_for, number, p_value, signed


def alert_in_words(alert: Alert) -> str:
    """One sentence: raised or not, against which run, by how much and how sure; where nothing could be compared, ``alert.lack`` says why."""
    names = {"arm": alert.arm, "measure": alert.measure, "split": alert.split, "previous": alert.previous or ""}
    one = alert.comparison
    if one is None:
        return gettext("No comparison of %(arm)s by %(measure)s on %(split)s with an earlier run.", **names)
    places = decimals_for([one.mean_before, one.mean_now])
    figures = {
        "before": number(one.mean_before, places),
        "now": number(one.mean_now, places),
        "difference": signed(one.mean, places),
        "interval": interval(one.low, one.high, places, with_sign=True),
        "p": p_value(one.p_adjusted),
        "n": number(float(one.n_users)),
    }
    if alert.raised:
        return gettext(
            "Alert: %(arm)s on %(split)s is worse than in run %(previous)s. On the same users (%(n)s) and held-out items %(measure)s was %(before)s and is %(now)s: %(difference)s (%(interval)s), p %(p)s.",
            **names,
            **figures,
        )
    return gettext(
        "No alert: %(arm)s on %(split)s beside run %(previous)s. On the same users (%(n)s) and held-out items %(measure)s was %(before)s and is %(now)s: %(difference)s (%(interval)s), p %(p)s.",
        **names,
        **figures,
    )
