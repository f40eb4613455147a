"""Stage embed: item texts to vectors; a text that was ever embedded comes from the cache."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import Control
from recsat.contract.domain import Encoder
from recsat.embed.cache import embed_items
from recsat.embed.centre import centre
from recsat.embed.fusion import ready_vectors
from recsat.embed.item_attributes import GRAPH, attribute_vectors
from recsat.embed.legibility import legibility
from recsat.embed.words import word_vectors
from recsat.errors import ConfigError, PluginError
from recsat.run.stage import StageContext, StageCounts

LEGIBILITY_FILE = "vectors/legibility.json"


def embed(context: StageContext) -> StageCounts:
    """Writes vectors/items.safetensors: ``raw`` as encoded, ``text`` with the catalogue mean subtracted, and the domain's ready ones.

    vectors/legibility.json says what of the texts can be read. vectors/controls.safetensors has those of the run's controls, which are for comparison alone and go into no store.
    """
    texts: pl.Series = context.folder.read_table("data/texts.parquet")["text"]
    encoder = context.plugins.encoder(context.config.encoder.name).make(context.config.encoder)
    context.progress.expect(texts.n_unique())
    embedded = embed_items(texts, encoder, context.config.cache_dir, context.progress.advance)
    centred, mean = centre(embedded.vectors)
    controls = control_vectors(context, texts, embedded.vectors, centred, encoder)
    context.folder.write_arrays(
        "vectors/items.safetensors", {"raw": embedded.vectors, "text": centred, **_ready(context)}
    )
    context.folder.write_arrays("vectors/controls.safetensors", controls)
    context.folder.write_arrays("vectors/mean.safetensors", {"mean": mean})
    read = pl.Series(embedded.vectors.any(axis=1))
    of_texts = legibility(texts.filter(read).to_list(), embedded.vectors[read.to_numpy()], encoder)
    notes = list(of_texts.notes(context.config.encoder.name))
    context.folder.write_json(
        "vectors/encoder.json",
        {
            "name": context.config.encoder.name,
            "fingerprint": encoder.fingerprint,
            "dimension": encoder.dimension,
        },
    )
    context.folder.write_json(LEGIBILITY_FILE, {**asdict(of_texts), "notes": notes})
    for note in notes:
        context.progress.note(note)
    if not embedded.n_new:
        context.progress.note(f"nothing to embed: all {embedded.n_cached} distinct texts come from the cache")
    return StageCounts(n_new=embedded.n_new, n_cached=embedded.n_cached)


def control_vectors(
    context: StageContext,
    texts: pl.Series,
    raw: NDArray[np.float32],
    centred: NDArray[np.float32],
    encoder: Encoder,
) -> dict[str, NDArray[np.float32]]:
    """What stands in the place of the model in the controls of the run: see ``measure.controls``. Raw vectors beside the centred ones."""
    vectors: dict[str, NDArray[np.float32]] = {}
    for control in controls_of(context):
        if control == "words":
            of_control = word_vectors(texts.to_list(), encoder.dimension)
        elif control == "permuted":
            of_control = raw[np.random.default_rng(context.config.seed).permutation(len(raw))]
        else:
            of_control = embed_items(masked_texts(context), encoder, context.config.cache_dir).vectors
        vectors |= {f"{control}-raw": of_control, control: centre(of_control)[0]}
    return vectors


def controls_of(context: StageContext) -> list[Control]:
    """Those that ``measure.controls`` asks for, and those that arms of the run are or read."""
    available = context.plugins.recommenders(context.domain)
    named = [available[name] for name in context.config.arms if name in available]
    of_arms = [control for spec in named for control in (spec.control, *spec.reads_besides) if control]
    return list(dict.fromkeys([*context.config.measure.controls, *of_arms]))


def masked_texts(context: StageContext) -> pl.Series:
    """Item texts without the items' names, whichever column of the domain has them."""
    items, title = context.catalogue.items, context.domain.title
    if title not in items.columns:
        raise ConfigError(
            f"measure.controls: masked needs the items' names, and domain {context.domain.name!r} has no column {title!r}. Leave it out."
        )
    return context.domain.describe_item(items.with_columns(pl.lit("").cast(items.schema[title]).alias(title)))


def _ready(context: StageContext) -> dict[str, NDArray[np.float32]]:
    """Vectors that the domain has beside its texts, by name, and those of its pictures."""
    domain, items, config = context.domain, context.catalogue.items, context.domain_config
    vectors: dict[str, NDArray[np.float32]] = {}
    if domain.item_vectors is not None:
        vectors |= domain.item_vectors(items, config)
    if domain.item_pictures is not None:
        if "image" in vectors:
            raise PluginError(
                f"domain {domain.name!r} gives vectors named 'image' and pictures, which get that name. Rename the vectors."
            )
        paths = domain.item_pictures(items, config)
        if paths.is_not_null().any():  # who has none needs no image encoder
            from recsat.embed.image import ImageEncoder
            from recsat.embed.pictures import embed_pictures

            encoder = ImageEncoder(device=context.config.encoder.device)
            vectors["image"] = embed_pictures(paths, encoder, context.config.cache_dir)
    if domain.item_attributes is not None:
        if GRAPH in vectors:
            raise PluginError(
                f"domain {domain.name!r} gives vectors named {GRAPH!r} and attributes, which get that name. Rename the vectors."
            )
        of_attributes = attribute_vectors(domain.item_attributes(items, config), items["item_id"])
        if of_attributes.any():
            vectors[GRAPH] = of_attributes
    return ready_vectors(vectors, len(context.catalogue), f"domain {domain.name!r}")
