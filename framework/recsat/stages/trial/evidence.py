"""What the lists of a split are judged on."""

from __future__ import annotations

import polars as pl

from recsat.data.split import Split
from recsat.measure.evidence import Evidence, ItemVectors
from recsat.stages.trial.inputs import RunInputs


def evidence_of(inputs: RunInputs, split: Split, users: pl.Series, relevant: pl.DataFrame) -> Evidence:
    """Of the test part: ``users`` were served, ``relevant`` (user_id, item_id) is what their lists could have held.

    Popularity, histories and slices come from training and validation part, never from what is held out.
    """
    known = pl.concat([split.train, split.validation])
    vectors = inputs.vectors.get("text")
    return Evidence(
        split=split.name,
        users=users,
        relevant=relevant,
        known_likes=known.lazy().filter(inputs.domain.positive).select("user_id", "item_id").collect().unique(),
        history=known,
        outcomes=split.test,
        items=inputs.catalogue.items,
        candidates=split.test_items,
        vectors=None if vectors is None else ItemVectors(inputs.catalogue.items["item_id"], vectors),
        topics=inputs.domain.topics,
        exposures=inputs.dataset.exposures,
        ties=inputs.dataset.ties,
        config=inputs.domain_config,
    )
