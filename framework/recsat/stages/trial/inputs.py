"""What every fold of a run is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import EncoderSettings
from recsat.contract.dataset import Dataset
from recsat.contract.domain import CandidateFilter, Domain
from recsat.contract.interactions import Catalogue
from recsat.embed.cache import embed_texts
from recsat.embed.centre import subtract_mean
from recsat.embed.device import pick_device
from recsat.run.stage import StageContext

Encode = Callable[[pl.Series], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class RunInputs:
    """What every fold of a run is made from: plain tables, arrays and functions, so that a fold needs no run folder."""

    dataset: Dataset
    catalogue: Catalogue
    domain: Domain
    domain_config: Any = None
    filters: Mapping[str, CandidateFilter]
    """The run's filters in their order."""
    vectors: Mapping[str, NDArray[np.float32]]
    """Item vectors by name, (n_items, d)."""
    item_texts: Sequence[str] = ()
    """By item index; for rerankers and trainings that read."""
    encode: Encode | None = None
    """Texts to centred vectors in the space of ``vectors["text"]``, for users of whom nothing but their own words is known."""
    encode_users: Encode | None = None
    """Texts to vectors as encoded, in the space of ``vectors["raw"]``; None where no arm of the run reads users."""
    seed: int = 0
    encoder: str = ""
    """See :attr:`~recsat.contract.interactions.TrainingData.encoder`."""
    device: str = "cpu"
    """See :attr:`~recsat.contract.interactions.TrainingData.device`."""


def inputs_of(
    context: StageContext,
    vectors: Mapping[str, NDArray[np.float32]],
    encode: Encode | None = None,
    encode_users: Encode | None = None,
    encoder: str = "",
    *,
    with_events: bool = True,
) -> RunInputs:
    """Those of a run whose stage ``prepare`` has finished; ``vectors`` and both ways to encode belong to one encoder, whose fingerprint is ``encoder``.

    Without ``with_events`` the dataset's table of them is empty, which does for folds: each has those of its split.
    """
    config = context.config
    return RunInputs(
        dataset=context.dataset if with_events else context.dataset_without_events,
        catalogue=context.catalogue,
        domain=context.domain,
        domain_config=context.domain_config,
        filters=context.plugins.filters_of_run(context.domain, config.rank.filters),
        vectors=vectors,
        item_texts=context.folder.read_table("data/texts.parquet")["text"].to_list(),
        encode=encode,
        encode_users=encode_users,
        seed=config.seed,
        encoder=encoder,
        device=str(device) if (device := pick_device(config.rank.device)).type == "cuda" else "cpu",
    )


def embedded_inputs(context: StageContext, *, with_events: bool = True) -> RunInputs:
    """Those of a run whose stage ``embed`` has finished too, with the vectors that it wrote; ``with_events`` is as in :func:`inputs_of`."""
    vectors = context.folder.read_arrays("vectors/items.safetensors")
    vectors |= context.folder.read_arrays("vectors/controls.safetensors")
    mean = context.folder.read_arrays("vectors/mean.safetensors")["mean"]
    settings = context.config.encoder
    encode_users = encode_raw_with(context, settings) if reads_users(context) else None
    encode, encoder = encode_with(context, settings, mean), encoder_of(context)
    return inputs_of(context, vectors, encode, encode_users, encoder, with_events=with_events)


def encoder_of(context: StageContext) -> str:
    """Fingerprint of the encoder by which the stage ``embed`` of the run wrote its vectors."""
    return str(context.folder.read_json("vectors/encoder.json")["fingerprint"])


def reads_users(context: StageContext) -> bool:
    """Whether an arm of the run does."""
    available = context.plugins.recommenders(context.domain)
    return any(available[name].reads_users for name in context.config.arms if name in available)


def encode_raw_with(context: StageContext, settings: EncoderSettings) -> Encode:
    """Texts to vectors by the encoder of ``settings``, as it gives them; through the cache, the encoder made when it is needed."""

    def encode(texts: pl.Series) -> NDArray[np.float32]:
        encoder = context.plugins.encoder(settings.name).make(settings)
        return embed_texts(texts, encoder, context.config.cache_dir).vectors

    return encode


def encode_with(context: StageContext, settings: EncoderSettings, mean: NDArray[np.float32]) -> Encode:
    """The same with ``mean`` subtracted."""
    encode_raw = encode_raw_with(context, settings)
    return lambda texts: subtract_mean(encode_raw(texts), mean)
