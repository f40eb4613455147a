"""What folds are made from: the run's own tables, filters and encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from town import DOMAIN, ITEMS, events, inputs

from recsat import Dataset, UserBatch
from recsat.contract.interactions import user_batch
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.users import describe_users, with_profiles, with_texts


@pytest.fixture(scope="module")
def context(finished_run: Path) -> StageContext:
    return StageContext.open(RunFolder(finished_run), load_plugins(["content"]))


def test_words_of_users_are_centred_as_items_are(context: StageContext) -> None:
    of_run = embedded_inputs(context)
    assert of_run.encode is not None
    texts = pl.Series(of_run.item_texts[:5])
    np.testing.assert_allclose(of_run.encode(texts), of_run.vectors["text"][:5], atol=1e-5)
    assert np.abs(of_run.vectors["raw"][:5] - of_run.vectors["text"][:5]).max() > 0.01


def test_inputs_are_those_of_the_run(context: StageContext) -> None:
    of_run = embedded_inputs(context)
    assert list(of_run.filters) == ["seen"]
    assert of_run.seed == context.config.seed
    assert list(of_run.item_texts) == context.domain.describe_item(context.catalogue.items).to_list()


def test_inputs_for_folds_have_all_of_the_run_but_its_events(context: StageContext) -> None:
    whole, without = (embedded_inputs(context, with_events=on).dataset for on in (True, False))
    assert not whole.events.is_empty()
    assert without.events.equals(whole.events.clear())
    assert replace(without, events=whole.events) == whole


LIKES = events(("u", "b", 3), ("u", "a", 1), ("u", "c", 2), ("v", "d", 9))


def test_a_user_is_described_by_a_history_that_has_the_oldest_first() -> None:
    table = describe_users(inputs(Dataset(items=ITEMS, events=LIKES)), LIKES)
    assert dict(table.iter_rows()) == {"u": "Apple Cheese Bread", "v": "Dates"}


def profiled(users: pl.DataFrame, **changes: object) -> UserBatch:
    """u, v and two newcomers, with the vectors of what they say: the length of their text, in both dimensions."""

    def words(table: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
        assert history.is_empty()
        return table["about"].fill_null("")

    def encode(texts: pl.Series) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.repeat(texts.str.len_chars().to_numpy().astype(np.float32)[:, None], 2, axis=1)

    of_run = inputs(
        Dataset(items=ITEMS, events=LIKES, users=users), domain=replace(DOMAIN, describe_user=words), encode=encode
    )
    of_run = replace(of_run, **changes)  # type: ignore[arg-type]
    return with_profiles(user_batch(LIKES, ["new", "u", "silent"], of_run.catalogue), of_run)


def test_newcomers_alone_are_described_and_only_by_what_they_say() -> None:
    users = pl.DataFrame({"user_id": ["u", "new", "silent"], "about": ["hello", "hi", None], "town": ["A", "B", "C"]})
    batch = profiled(users, domain=replace(DOMAIN, market="town", describe_user=lambda t, h: t["about"].fill_null("")))
    assert batch.profile_vectors is not None
    assert batch.profile_vectors.tolist() == [[2, 2], [0, 0], [0, 0]]


def test_without_words_or_an_encoder_nothing_is_embedded() -> None:
    assert profiled(pl.DataFrame({"user_id": ["u"], "about": ["hello"]})).profile_vectors is None
    assert profiled(pl.DataFrame({"user_id": ["new"], "about": ["hi"]}), encode=None).profile_vectors is None


def lengths_of(texts: pl.Series) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Of each text, in every dimension."""
    return np.repeat(texts.str.len_chars().to_numpy().astype(np.float32)[:, None], ITEMS.height, axis=1)


def test_who_has_a_history_is_described_by_it_where_an_arm_reads_users() -> None:
    of_run = inputs(Dataset(items=ITEMS, events=LIKES), vectors={"raw": np.eye(ITEMS.height, dtype=np.float32)})
    batch = user_batch(LIKES, ["v", "new", "u"], of_run.catalogue)
    assert with_texts(batch, of_run, LIKES).text_vectors is None
    vectors = with_texts(batch, replace(of_run, encode_users=lengths_of), LIKES).text_vectors
    assert vectors is not None
    assert vectors[:, 0].tolist() == [len("Dates"), 0, len("Apple Cheese Bread")]


def test_users_are_embedded_for_runs_with_an_arm_that_reads_them(context: StageContext) -> None:
    assert embedded_inputs(context).encode_users is None
    reading = replace(context, config=context.config.model_copy(update={"arms": ["popularity", "text-user"]}))
    of_run = embedded_inputs(reading)
    assert of_run.encode_users is not None
    np.testing.assert_array_equal(of_run.encode_users(pl.Series(of_run.item_texts[:3])), of_run.vectors["raw"][:3])
