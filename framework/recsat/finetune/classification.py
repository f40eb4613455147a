r"""What a classifier of likes is worth: precision, recall, F1, area under the ROC curve, log loss.

``labels`` are 0 or 1, ``probabilities`` in [0, 1]; both (n,). A row counts as predicted where its probability is at least
1/2.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from recsat.errors import DataError
from recsat.measure.prediction import CLIP

Numbers = NDArray[np.float64]
THRESHOLD = 0.5


def classification_report(labels: NDArray[np.int64], probabilities: Numbers) -> dict[str, float]:
    r"""precision, recall, f1, auc, log_loss, accuracy, and n and share of positives.

    AUC is the chance that a positive has the higher probability than a negative, ties counting half
    (:math:`U / (n_+ n_-)`; Mann and Whitney 1947). Precision is 0 where nothing is predicted. Raises DataError where one of
    the classes is missing.

    >>> report = classification_report(np.array([1, 0, 1, 0]), np.array([0.9, 0.6, 0.4, 0.1]))
    >>> report["precision"], report["recall"], report["auc"]
    (0.5, 0.5, 0.75)
    """
    n_positive, n_negative = int((labels == 1).sum()), int((labels == 0).sum())
    if not n_positive or not n_negative:
        raise DataError(
            f"a classification report needs both classes, and has {n_positive} positives and {n_negative} negatives. "
            "Hold out more events, or raise finetune.negatives."
        )
    predicted = probabilities >= THRESHOLD
    hits = int((predicted & (labels == 1)).sum())
    precision = hits / max(int(predicted.sum()), 1)
    recall = hits / n_positive
    ranks = rankdata(probabilities)
    auc = (ranks[labels == 1].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0.0,
        "auc": float(auc),
        "log_loss": float(-np.mean(np.where(labels == 1, np.log(p), np.log1p(-p)))),
        "accuracy": float((predicted == (labels == 1)).mean()),
        "n": float(len(labels)),
        "positive_share": n_positive / len(labels),
    }


def in_markdown(reports: Mapping[str, Mapping[str, float]]) -> str:
    """One row for each part or epoch."""
    names = ["precision", "recall", "f1", "auc", "log_loss", "accuracy", "positive_share"]
    lines = [
        f"| part | {' | '.join(name.replace('_', ' ') for name in names)} | pairs |",
        f"| --- |{' ---: |' * (len(names) + 1)}",
    ]
    for part, report in reports.items():
        cells = [f"{report[name]:.3f}" for name in names]
        lines.append(f"| {part} | {' | '.join(cells)} | {report['n']:,.0f} |")
    return "\n".join(lines) + "\n"
