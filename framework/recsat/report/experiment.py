"""What an experiment says, in words: of its groups, of each metric, and what to decide."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.report.language import enumerated, gettext, interval
from recsat.report.missed import with_missed
from recsat.result.model import Experiment, ExperimentEffect
from recsat.result.numerals import decimals_for, number, p_value, share, signed

FEW = 100
"""Users who carry a mean, below which its intervals may be too short."""


def role_label(role: str) -> str:
    """What a metric is for, as a cell of a table."""
    labels: Mapping[str, str] = {
        "primary": gettext("primary"),
        "guardrail": gettext("guardrail"),
        "secondary": gettext("secondary"),
    }
    return labels[role]


def effect_label(effect: ExperimentEffect) -> str:
    """What came of a metric, as a cell of a table; with what could have been missed where nothing is shown."""
    return with_missed(_outcome_label(effect.outcome), effect.detectable if effect.outcome == "not shown" else None)


def _outcome_label(outcome: str) -> str:
    labels: Mapping[str, str] = {
        "better": gettext("better"),
        "worse": gettext("worse"),
        "not shown": gettext("not shown"),
        "holds": gettext("holds"),
        "fails": gettext("fails"),
    }
    return labels[outcome]


def relative_in_words(effect: ExperimentEffect) -> str:
    """The relative difference in per cent with its ends: ``+6.1 % (−1.1 % to +13.8 %)``."""
    if effect.relative is None:
        return "–"
    value, low, high = effect.relative.value, effect.relative.low, effect.relative.high
    if low is None or high is None:
        return f"{signed(100 * value, 1)} %"
    return f"{signed(100 * value, 1)} % ({interval(100 * low, 100 * high, 1, with_sign=True)})"


def groups_in_words(experiment: Experiment) -> str:
    """How many users each policy has, and whether chance makes groups like these; first of all that it is simulated, where it is."""
    sizes = _sizes(experiment)
    if not experiment.simulated:
        return sizes
    if experiment.split is not None:
        simulated = gettext(
            "Simulated data, which say nothing about people: a coin gave each simulated user the list of one of the two arms on %(split)s, each place showed one of its items, each as "
            "likely, and the simulator says what the user did, by the model that the data come from.",
            split=experiment.split,
        )
        return f"{simulated} {sizes}"
    simulated = gettext("Simulated data, which say nothing about people: %(source)s", source=experiment.source)
    return f"{simulated}. {sizes}"


def _sizes(experiment: Experiment) -> str:
    total = sum(experiment.n_users.values())
    groups = enumerated(
        [
            gettext("%(users)s users with %(policy)s", users=f"{n:,}", policy=name)
            for name, n in experiment.n_users.items()
        ]
    )
    planned = enumerated([share(part, 1) for part in experiment.shares.values()])
    if experiment.stop == "mismatch":
        return gettext(
            "Sample-ratio mismatch: %(groups)s, of %(total)s, where %(planned)s were planned (p = %(p)s). Chance does not make such groups, so users were lost or added on one side, "
            "and no effect is shown. Find out where, and run it again.",
            groups=groups,
            total=f"{total:,}",
            planned=planned,
            p=p_value(experiment.sample_ratio_p),
        )
    if experiment.stop == "few users":
        return gettext("%(groups)s: with fewer than 30 users in a group no effect is shown.", groups=groups)
    return gettext("%(groups)s; sizes are as planned (p = %(p)s).", groups=groups, p=p_value(experiment.sample_ratio_p))


def notes_in_words(experiment: Experiment) -> list[str]:
    """What a reader must know beside the table, a sentence each."""
    notes = []
    if experiment.n_several:
        notes.append(
            gettext("%(n)s users were shown several policies and are left out.", n=f"{experiment.n_several:,}")
        )
    if experiment.n_unfinished:
        notes.append(
            gettext(
                "%(n)s users whose %(days)s days are not over are left out.",
                n=f"{experiment.n_unfinished:,}",
                days=experiment.days,
            )
        )
    notes += [
        gettext(
            "%(metric)s differed before anything was shown by %(difference)s (p = %(p)s): groups were not alike, and no treatment can be the cause.",
            metric=one.metric,
            difference=signed(one.difference.value),
            p=p_value(one.p),
        )
        for one in experiment.imbalances
        if one.differs
    ]
    fewest: dict[str, float] = {}
    for effect in experiment.effects:
        fewest[effect.metric] = min(effect.effective_users, fewest.get(effect.metric, effect.effective_users))
    notes += [
        gettext(
            "%(metric)s: the mean of a group rests on %(n)s users, so that its intervals, that of the relative difference first, may hold the truth less often than they say. A cap that is declared before helps.",
            metric=metric,
            n=number(n, 0),
        )
        for metric, n in fewest.items()
        if n < FEW
    ]
    return notes


def decision_in_words(experiment: Experiment, treatment: str) -> str:
    """What the primary metrics and guardrails of a treatment decide."""
    effects = [effect for effect in experiment.effects if effect.treatment == treatment]
    by_outcome: dict[str, list[str]] = {}
    for effect in effects:
        if effect.role != "secondary":
            by_outcome.setdefault(f"{effect.role} {effect.outcome}", []).append(_with_number(effect))
    names = {"treatment": treatment, "control": experiment.control}

    def listed(key: str) -> str:
        return enumerated(by_outcome[key])

    if any(one.differs for one in experiment.imbalances if one.treatment == treatment):
        return gettext(
            "Nothing is decided: the groups of %(treatment)s and %(control)s differed before anything was shown. Find out why, and run it again.",
            **names,
        )
    if "primary worse" in by_outcome:
        return gettext(
            "Keep %(control)s: with %(treatment)s %(metrics)s is worse.", metrics=listed("primary worse"), **names
        )
    if "guardrail fails" in by_outcome:
        return gettext(
            "Keep %(control)s: with %(treatment)s %(metrics)s is worse by more than its margin.",
            metrics=listed("guardrail fails"),
            **names,
        )
    if "primary better" not in by_outcome:
        return gettext(
            "Nothing is decided: no primary metric of %(treatment)s is shown to differ from %(control)s. That is not the same as no effect.",
            **names,
        )
    if experiment.n_unfinished and not any(map(_is_sure_any_day, effects)):
        return gettext(
            "Wait: so far %(metrics)s is better with %(treatment)s than with %(control)s, but %(n)s users are still within their days, and no interval that may be looked at every day leaves out zero.",
            metrics=listed("primary better"),
            n=f"{experiment.n_unfinished:,}",
            **names,
        )
    if "guardrail not shown" in by_outcome:
        return gettext(
            "With %(treatment)s %(metrics)s is better than with %(control)s, but it is not shown that %(guards)s keeps within its margin.",
            metrics=listed("primary better"),
            guards=listed("guardrail not shown"),
            **names,
        )
    if "guardrail holds" in by_outcome:
        return gettext(
            "Take %(treatment)s: %(metrics)s is better than with %(control)s, and every guardrail holds.",
            metrics=listed("primary better"),
            **names,
        )
    return gettext(
        "Take %(treatment)s: %(metrics)s is better than with %(control)s.", metrics=listed("primary better"), **names
    )


def _is_sure_any_day(effect: ExperimentEffect) -> bool:
    """Whether a primary metric is better by an interval that holds whenever one looks."""
    ends = effect.every_day
    if (effect.role, effect.outcome) != ("primary", "better") or ends is None or ends.low is None or ends.high is None:
        return False
    return ends.low > 0 or ends.high < 0


def experiment_in_words(experiment: Experiment) -> str:
    """Its groups, and a decision for each treatment; the groups alone where the page is stopped."""
    if experiment.stop is not None:
        return groups_in_words(experiment)
    treatments = list(experiment.n_users)[1:]
    return " ".join([groups_in_words(experiment), *(decision_in_words(experiment, name) for name in treatments)])


def experiment_with_notes(experiment: Experiment) -> str:
    """:func:`experiment_in_words`, and what to know of it: where there is no table to stand beside."""
    return " ".join([experiment_in_words(experiment), *notes_in_words(experiment)])


def _with_number(effect: ExperimentEffect) -> str:
    """``clicks per exposure (+0.012, +0.004 to +0.020)``."""
    difference = effect.difference
    places = decimals_for([difference.value, difference.low, difference.high])
    ends = interval(difference.low, difference.high, places, with_sign=True)
    return f"{effect.metric} ({signed(difference.value, places)}, {ends})"
