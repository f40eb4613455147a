"""What recsat measures of its own accord: key, words and direction of each measure."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.contract.domain import SatisfactionMetric
from recsat.result.model import MeasureInfo

_ACCURACY: Mapping[str, tuple[str, str]] = {
    "ndcg": ("nDCG", "Hits in the list, those further up counting more; 1 is the best list possible."),
    "precision": ("Precision", "Share of the list that users went on to like."),
    "recall": ("Recall", "Share of what users went on to like that the list held."),
    "map": ("MAP", "Mean of the precision at each hit."),
    "mrr": ("MRR", "One over the rank of the first hit; 0 without a hit."),
    "hit": ("Hit rate", "Share of users whose list held anything that they went on to like."),
}
_DIVERSITY: Mapping[str, tuple[str, str, str, str]] = {
    "ild": ("Intra-list diversity", "Mean distance (1 − cosine) of text vectors between items of a list.", "", "higher"),
    "topic-ild": ("Topic diversity", "Mean distance between the topic sets of items of a list; 1: none in common.", "", "higher"),
    "topic-entropy": ("Topic entropy", "Shannon entropy of a list's topics.", "bits", "higher"),
    "topic-simpson": ("Topic Simpson", "Chance that two draws from a list show different topics (Gini–Simpson).", "", "higher"),
    "novelty": ("Novelty", "How few users know the listed items: mean self-information.", "bits", "higher"),
    "coverage": ("Catalogue coverage", "Share of the catalogue that appears in any list.", "", "higher"),
    "entropy": ("Exposure entropy", "Shannon entropy of what all lists show together.", "bits", "higher"),
    "simpson": ("Exposure Simpson", "Chance that two list places show different items (Gini–Simpson).", "", "higher"),
    "gini": ("Exposure Gini", "How unevenly lists show the catalogue: 0 all alike, 1 one item everywhere.", "", "lower"),
}  # fmt: skip
BOUNDS: Mapping[str, tuple[float, float]] = {"coverage": (0, 1), "simpson": (0, 1), "gini": (0, 1), "entropy": (0, 64)}
"""Where the jackknife's interval of a catalogue-level measure is cut off."""


def key_of(name: str, k: int) -> str:
    """``ndcg@10``."""
    return f"{name}@{k}"


def built_in(k: int) -> list[MeasureInfo]:
    """Every measure that recsat brings, in the order of the report."""
    accuracy = [
        MeasureInfo(
            name=key_of(name, k), label=key_of(label, k), description=words, dimension="accuracy", better="higher"
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
            }
        )
        for name, (label, words, unit, better) in _DIVERSITY.items()
    ]
    return accuracy + diversity


def of_metrics(metrics: Mapping[str, SatisfactionMetric]) -> list[MeasureInfo]:
    """The measures of plugins, by their qualified names."""
    return [
        MeasureInfo(
            name=name,
            label=metric.name.replace("_", " ").capitalize(),
            description=metric.description,
            dimension=metric.dimension,
            unit=metric.unit,
            better=metric.better,
        )
        for name, metric in metrics.items()
    ]
