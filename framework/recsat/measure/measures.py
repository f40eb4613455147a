"""What recsat measures of its own accord: key, words and direction of each measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from recsat.contract.domain import SatisfactionMetric
from recsat.errors import ConfigError, did_you_mean
from recsat.result.model import MeasureInfo

Bounds = tuple[float | None, float | None]
_ACCURACY: Mapping[str, tuple[str, str]] = {
    "ndcg": ("nDCG", "Hits in the list, those further up counting more; 1 is the best list possible."),
    "precision": ("Precision", "Share of the list that users went on to like."),
    "recall": ("Recall", "Share of what users went on to like that the list held."),
    "map": ("MAP", "Mean of the precision at each hit."),
    "mrr": ("MRR", "One over the rank of the first hit; 0 without a hit."),
    "hit": ("Hit rate", "Share of users whose list held anything that they went on to like."),
    "debiased-ndcg": ("Debiased nDCG", "nDCG in which a hit on an item that few know counts for more, by how seldom it is met."),
}  # fmt: skip
_DIVERSITY: Mapping[str, tuple[str, str, str, str]] = {
    "ild": ("Intra-list diversity", "Mean distance (1 − cosine) of text vectors between items of a list.", "", "higher"),
    "topic-ild": ("Topic diversity", "Mean distance between the topic sets of items of a list; 1: none in common.", "", "higher"),
    "topic-entropy": ("Topic entropy", "Shannon entropy of a list's topics.", "bits", "higher"),
    "topic-simpson": ("Topic Simpson", "Chance that two draws from a list show different topics (Gini–Simpson).", "", "higher"),
    "novelty": ("Novelty", "How few users know the listed items: mean self-information.", "bits", "higher"),
    "serendipity": ("Serendipity", "Share of the list that users went on to like and popularity would not have shown.", "", "higher"),
    "topic-kl": ("Topic miscalibration", "How far the list's topics are from the history's (Kullback–Leibler); 0 is calibrated.", "nats", "lower"),
    "topic-hellinger": ("Topic distance to history", "Hellinger's distance of the list's topics to the history's: 0 calibrated, 1 none shared.", "", "lower"),
    "popularity-lift": ("Popularity lift", "How much more popular the list is than the user's own history; 1 is twice as popular.", "doublings", "neither"),
    "coverage": ("Catalogue coverage", "Share of the catalogue that appears in any list.", "", "higher"),
    "entropy": ("Exposure entropy", "Shannon entropy of what all lists show together.", "bits", "higher"),
    "simpson": ("Exposure Simpson", "Chance that two list places show different items (Gini–Simpson).", "", "higher"),
    "gini": ("Exposure Gini", "How unevenly lists show the catalogue: 0 all alike, 1 one item everywhere.", "", "lower"),
}  # fmt: skip
CATALOGUE = ("coverage", "entropy", "simpson", "gini")
"""Measures of all lists together, which have no value of a single user."""
BOUNDS: Mapping[str, Bounds] = {
    **dict.fromkeys(_ACCURACY, (0.0, 1.0)),
    "ild": (0.0, 2.0),
    "topic-ild": (0.0, 1.0),
    "topic-entropy": (0.0, None),
    "topic-simpson": (0.0, 1.0),
    "novelty": (0.0, None),
    "serendipity": (0.0, 1.0),
    "topic-kl": (0.0, None),
    "topic-hellinger": (0.0, 1.0),
    "popularity-lift": (None, None),
    "coverage": (0.0, 1.0),
    "entropy": (0.0, 64.0),
    "simpson": (0.0, 1.0),
    "gini": (0.0, 1.0),
}
"""The range that a measure cannot leave; None is no end. The jackknife's interval of a catalogue-level measure is cut off there."""
_LIKED = "Mean over the served users with something liked after the cut that their list could have held; an empty list counts 0."
_LISTED = "Mean over the served users whose list {}: an arm's own lists decide which these are."
_TOGETHER = "The expected value for lists of as many users as were served; "
_ESTIMANDS: Mapping[str, str] = {
    **dict.fromkeys(_ACCURACY, _LIKED),
    "ild": _LISTED.format("shows two items or more that have a vector"),
    "topic-ild": _LISTED.format("shows two items or more that have a topic"),
    "topic-entropy": _LISTED.format("shows an item that has a topic"),
    "topic-simpson": _LISTED.format("shows an item that has a topic"),
    "novelty": _LISTED.format("is not empty"),
    "serendipity": "Mean over the served users with something liked after the cut and a list that is not empty.",
    "topic-kl": _LISTED.format("and whose history show an item that has a topic"),
    "topic-hellinger": _LISTED.format("and whose history show an item that has a topic"),
    "popularity-lift": _LISTED.format("and whose history are not empty"),
    "coverage": _TOGETHER
    + "it grows with their number, so it compares arms of one split and not splits, slices or runs.",
    **dict.fromkeys(
        ("entropy", "simpson", "gini"),
        _TOGETHER + "it changes with their number, so it compares arms of one split alone.",
    ),
}


def bounds_of(name: str, metrics: Mapping[str, SatisfactionMetric]) -> Bounds:
    """The range of a measure by its key, or of a plugin's by its qualified name."""
    return metrics[name].bounds if name in metrics else BOUNDS[name.partition("@")[0]]


def is_of_catalogue(name: str) -> bool:
    """Whether a measure is of all lists together: ``coverage@10``."""
    return name.partition("@")[0] in CATALOGUE


def key_of(name: str, k: int) -> str:
    """``ndcg@10``."""
    return f"{name}@{k}"


def measure_key(name: str, k: int, metrics: Mapping[str, SatisfactionMetric]) -> str:
    """A measure as results name it: ``ndcg@10``; a plugin's by its qualified name."""
    return name if name in metrics else key_of(name, k)


def comparable(metrics: Mapping[str, SatisfactionMetric]) -> dict[str, Literal["higher", "lower"]]:
    """By name, which way is better of every measure that has a value for each user's list and a direction: those by which runs are compared."""
    of_lists = {info.name.partition("@")[0]: info.better for info in built_in(1)}
    of_plugins = {name: metric.better for name, metric in metrics.items() if not metric.of_exposed}
    return {
        name: better
        for name, better in {**of_lists, **of_plugins}.items()
        if better != "neither" and name not in CATALOGUE
    }


def require_comparable(name: str, metrics: Mapping[str, SatisfactionMetric]) -> None:
    """ConfigError where runs cannot be compared by the measure: it has no value for each list, or no direction, or is none."""
    names = comparable(metrics)
    if name not in names:
        raise ConfigError(f"{name!r}: runs are compared by {', '.join(names)}.{did_you_mean(name, names)}")


def built_in(k: int) -> list[MeasureInfo]:
    """Every measure that recsat brings, in the order of the report."""
    accuracy = [
        MeasureInfo(
            name=key_of(name, k),
            label=key_of(label, k),
            description=words,
            dimension="accuracy",
            better="higher",
            estimand=_ESTIMANDS[name],
        )
        for name, (label, words) in _ACCURACY.items()
    ]
    diversity = [
        MeasureInfo.model_validate(
            {
                "name": key_of(name, k),
                "label": key_of(label, k),
                "description": words,
                "dimension": "diversity",
                "unit": unit,
                "better": better,
                "estimand": _ESTIMANDS[name],
            }
        )
        for name, (label, words, unit, better) in _DIVERSITY.items()
    ]
    return accuracy + diversity


def of_metrics(
    metrics: Mapping[str, SatisfactionMetric], *, winsorise: float = 0.0, propensity_model: str = ""
) -> list[MeasureInfo]:
    """The measures of plugins, by their qualified names; where values are winsorised or propensities those of a model, label and description say it."""
    return [
        _of_metric(name, metric, winsorise if is_winsorised(metric) else 0.0, propensity_model)
        for name, metric in metrics.items()
    ]


def is_winsorised(metric: SatisfactionMetric) -> bool:
    """Whether ``measure.winsorise`` applies: the metric has no upper bound, or no lower one, and its values are users' own."""
    return None in metric.bounds and not metric.of_exposed


def _of_metric(name: str, metric: SatisfactionMetric, share: float, propensity_model: str) -> MeasureInfo:
    label, description = metric.name.replace("_", " ").capitalize(), metric.description
    if share:
        label, description = _winsorised(label, description, f"{100 * share:g}")
    if metric.of_exposed and propensity_model:
        label, description = _assumed(label, description, propensity_model)
    return MeasureInfo(
        name=name,
        label=label,
        description=description,
        dimension=metric.dimension,
        unit=metric.unit,
        better=metric.better,
        estimand=f"Mean over {metric.over}.",
        primary=metric.primary,
        propensities=("assumed" if propensity_model else "logged") if metric.of_exposed else None,
        propensity_model=propensity_model if metric.of_exposed else "",
    )


def _assumed(label: str, description: str, model: str) -> tuple[str, str]:
    return f"{label}, propensities assumed", f"{description} Propensities were not logged but assumed: {model}."


def _winsorised(label: str, description: str, percent: str) -> tuple[str, str]:
    return (
        f"{label}, winsorised {percent} %",
        f"{description} The outermost {percent} % of the values other than 0 are drawn in, as the run's configuration declares.",
    )
