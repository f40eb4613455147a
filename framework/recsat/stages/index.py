"""Stage index: item vectors and the filters' payload fields go into the vector store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.arm import Recommender
from recsat.contract.domain import CandidateFilter
from recsat.embed.centre import drift, subtract_mean
from recsat.embed.compress import principal
from recsat.lists.candidates import StoreRetriever
from recsat.lists.filters import filter_fields
from recsat.run.folder import RunFolder
from recsat.run.stage import StageContext, StageCounts
from recsat.store import (
    Checks,
    FieldType,
    ItemIndex,
    Published,
    VectorStore,
    alias_of,
    frozen_mean,
    mean_text,
    open_store,
    publish,
    sweep,
)


def payload_fields(filters: Mapping[str, CandidateFilter], items: pl.DataFrame) -> dict[str, FieldType]:
    """Payload fields and their types: ``kind``, and what the filters look at and the items have."""
    fields: dict[str, FieldType] = {"kind": "keyword"}
    for rule in filters.values():
        fields.update(filter_fields(rule, items))
    assert set(fields.values()) <= set(get_args(FieldType)), "checked when plugins load"
    return fields


MAX_DRIFT = 0.1
"""How far the mean of the catalogue's texts may have moved from the one that the index is centred by, in units of their spread, before the
index is made anew. What that does to lists is measured in docs/decisions/0024-index.md."""

_MEAN = "vectors/index-mean.safetensors"
DIRECTIONS = "vectors/index-directions.safetensors"
"""(D, d) by name of the vectors that the index holds shortened; missing where it holds them whole."""


def publish_items(
    context: StageContext,
    store: VectorStore,
    advance: Callable[[int], None] | None = None,
    *,
    arm_vectors: Mapping[str, NDArray[np.float32]] | None = None,
) -> tuple[Published, ItemIndex]:
    """Makes the run's vectors searchable, in a collection named by its content; does nothing where they are already. No alias moves.

    ``arm_vectors`` are an arm's own vectors beside them, in a collection that lasts as long as somebody reads it.
    """
    config, items = context.config, context.catalogue.items
    fields = payload_fields(context.plugins.filters(context.domain), items)
    item_index = ItemIndex.of(config.domain, items)
    mean = index_mean(context)
    published = publish(
        store,
        config.domain,
        item_index.ids,
        published_vectors(context) | dict(arm_vectors or {}),
        items.select(*fields),
        payload_indexes=fields,
        encoder=_encoder(context),
        mean=mean_text(mean),
        scratch=bool(arm_vectors),
        batch=config.store.batch,
        checks=Checks(ef=config.store.hnsw_ef),
        advance=advance,
    )
    return published, item_index


def published_vectors(context: StageContext) -> dict[str, NDArray[np.float32]]:
    """(n_items, d) by name: the run's vectors as its index holds them."""
    return shortened(context, _index_vectors(context, index_mean(context)))


def index(context: StageContext) -> StageCounts:
    """Publishes the vectors under their content's name; points that the domain's last index has already are not sent again."""
    config = context.config
    context.progress.expect(len(context.catalogue))
    with open_store(config.store, config.store.directory) as store:
        _freeze_mean(context, frozen_mean(store, config.domain, _encoder(context)))
        _write_directions(context)
        published, _ = publish_items(context, store, context.progress.advance)
        sweep(store, config.domain, config.store.keep_days)
        alias = alias_of(store, config.domain)
    context.folder.write_json("vectors/published.json", {"alias": alias, **asdict(published)})
    return StageCounts(n_new=published.n_new, n_cached=published.n_reused)


def _encoder(context: StageContext) -> str:
    return str(context.folder.read_json("vectors/encoder.json")["fingerprint"])


def _freeze_mean(context: StageContext, frozen: NDArray[np.float32] | None) -> None:
    """Writes the mean that the run's index is centred by: the one that the last index had, unless the catalogue's has moved too far from it."""
    folder = context.folder
    mean = folder.read_arrays("vectors/mean.safetensors")["mean"]
    if frozen is not None and not np.array_equal(frozen, mean):
        moved = drift(frozen, mean, folder.read_arrays("vectors/items.safetensors")["raw"])
        if moved <= MAX_DRIFT:
            mean = frozen
        else:
            context.progress.note(f"the mean of the texts moved by {moved:.2f} of their spread: the index is made anew")
    folder.write_arrays(_MEAN, {"mean": mean})


def index_mean(context: StageContext) -> NDArray[np.float32]:
    """The mean that the run's index is centred by; the catalogue's own in a run of a version that froze none."""
    folder = context.folder
    return folder.read_arrays(_MEAN if folder.has(_MEAN) else "vectors/mean.safetensors")["mean"]


def _index_vectors(context: StageContext, mean: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """The run's vectors as the index has them: its texts centred by ``mean``. Lists are scored from the run's own."""
    vectors = context.folder.read_arrays("vectors/items.safetensors")
    if not np.array_equal(mean, context.folder.read_arrays("vectors/mean.safetensors")["mean"]):
        vectors["text"] = subtract_mean(vectors["raw"], mean)
    return vectors


def _write_directions(context: StageContext) -> None:
    """Principal directions of every longer vector, where the run's settings ask for shorter ones."""
    width, vectors = context.config.store.principal, _index_vectors(context, index_mean(context))
    if width is None:
        return
    longer = {name: matrix for name, matrix in vectors.items() if matrix.shape[1] > width}
    context.folder.write_arrays(
        DIRECTIONS, {name: principal(matrix, width).directions for name, matrix in longer.items()}
    )


def directions_of(folder: RunFolder) -> dict[str, NDArray[np.float32]]:
    """(D, d) by name; empty where the index holds vectors whole."""
    return folder.read_arrays(DIRECTIONS) if folder.has(DIRECTIONS) else {}


def shortened(context: StageContext, vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """``vectors`` as the index holds them: along their directions, so that inner products are what is left of them there, and not cosines."""
    directions = directions_of(context.folder)
    return {name: matrix @ directions[name] if name in directions else matrix for name, matrix in vectors.items()}


def compression_notes(context: StageContext) -> list[str]:
    """What the report should say of an index that does not search whole vectors; nothing where it does."""
    settings, directions = context.config.store, directions_of(context.folder)
    small = settings.quantisation == "int8"
    if not directions and not small:
        return []
    whole = {name: matrix.shape[1] for name, matrix in context.folder.read_arrays("vectors/items.safetensors").items()}
    searched = {name: directions[name].shape[1] if name in directions else width for name, width in whole.items()}
    parts = [f"{settings.principal} principal directions of {', '.join(directions)}"] if directions else []
    parts += [f"one byte a number, oversampling {settings.oversampling:g}"] if small else []
    n_bytes = [len(context.catalogue) * sum(widths.values()) for widths in (searched, whole)]
    return [
        f"candidates are sought by {' and '.join(parts)}: {n_bytes[0] * (1 if small else 4) / 1e6:.1f} MB where whole vectors take "
        f"{n_bytes[1] * 4 / 1e6:.1f} MB; lists are scored by the whole ones, and the table of retrieval says what the candidates miss"
    ]


def retriever_of(context: StageContext, shared: StoreRetriever, recommender: Recommender) -> StoreRetriever:
    """``shared``, or for a fitted arm with vectors of its own one that serves these too, from a collection of their own."""
    arm_vectors = recommender.stored_vectors()
    if not arm_vectors:
        return shared
    published, _ = publish_items(context, shared.store, arm_vectors=arm_vectors)
    directions = {name: matrix for name, matrix in shared.directions.items() if name not in arm_vectors}
    return replace(shared, collection=published.collection, exact=published.exact, directions=directions)


@contextmanager
def opened_retriever(context: StageContext) -> Iterator[StoreRetriever]:
    """The store with this run's vectors; they are published where they are missing, as in a store in memory. No alias is read or moved."""
    config = context.config
    with open_store(config.store, config.store.directory) as store:
        published, item_index = publish_items(context, store)
        store.rest()
        directions = directions_of(context.folder)
        yield StoreRetriever(store, published.collection, item_index, config.store.hnsw_ef, published.exact, directions)
