"""The report against scikit-learn's, and what counts as a negative."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from recsat import DataError
from recsat.finetune.classification import classification_report, in_markdown
from recsat.finetune.judged_pairs import with_negatives


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1).map(lambda p: round(p, 2))), min_size=2, max_size=60).filter(
        lambda rows: {label for label, _ in rows} == {0, 1}
    )
)
def test_it_says_what_scikit_learn_says(rows: list[tuple[int, float]]) -> None:
    labels, probabilities = np.array([label for label, _ in rows]), np.array([p for _, p in rows])
    predicted = probabilities >= 0.5
    report = classification_report(labels, probabilities)
    assert report["precision"] == pytest.approx(metrics.precision_score(labels, predicted, zero_division=0))
    assert report["recall"] == pytest.approx(metrics.recall_score(labels, predicted))
    assert report["f1"] == pytest.approx(metrics.f1_score(labels, predicted, zero_division=0))
    assert report["auc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities))
    clipped = np.clip(probabilities, 1e-15, 1 - 1e-15)
    assert report["log_loss"] == pytest.approx(metrics.log_loss(labels, clipped), abs=1e-9)
    assert report["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert report["n"] == len(rows)


def test_one_class_alone_has_no_report() -> None:
    with pytest.raises(DataError, match="2 positives and 0 negatives"):
        classification_report(np.array([1, 1]), np.array([0.1, 0.2]))


def test_the_table_has_a_row_for_each_part() -> None:
    report = classification_report(np.array([1, 0]), np.array([0.9, 0.1]))
    lines = in_markdown({"dev, epoch 0": report, "test": report}).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["part", "---", "dev, epoch 0", "test"]
    assert lines[2].split("|")[2].strip() == "1.000"


def test_negatives_are_items_of_the_positives_that_the_user_likes_nowhere_drawn_by_popularity() -> None:
    rng = np.random.default_rng(0)
    positives = pl.DataFrame(
        {"user_id": [f"u{u}" for u in range(300)], "item_id": ["hit"] * 200 + ["rare"] * 50 + ["own"] * 50}
    )
    elsewhere = pl.DataFrame({"user_id": [f"u{u}" for u in range(300)], "item_id": ["own"] * 300})
    judged = with_negatives(positives, pl.concat([positives, elsewhere]), 4, rng).table
    negatives = judged.filter(pl.col("label") == 0)
    assert set(judged["item_id"]) == {"hit", "rare", "own"}
    assert negatives.join(pl.concat([positives, elsewhere]), on=["user_id", "item_id"], how="semi").is_empty()
    # Those who like "own" alone are given both others, as 200 ** .75 to 50 ** .75.
    open_to_both = negatives.filter(pl.col("user_id").is_in([f"u{u}" for u in range(250, 300)]))
    assert (open_to_both["item_id"] == "hit").mean() == pytest.approx(4**0.75 / (1 + 4**0.75), abs=0.09)
    assert 1180 < negatives.height <= 1200  # a draw that hits what is liked twenty times in a row is left out


def test_a_user_who_likes_everything_has_no_negative() -> None:
    positives = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"]})
    judged = with_negatives(positives, positives, 2, np.random.default_rng(0)).table
    assert judged.filter(pl.col("label") == 0)["user_id"].unique().to_list() == ["v"]
    with pytest.raises(DataError, match="no liked pair"):
        with_negatives(positives.clear(), positives, 2, np.random.default_rng(0))
