"""Stage finetune: the run's text encoder learns from what users liked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recsat.config.settings import RunConfig
from recsat.embed.provenance import Provenance
from recsat.embed.tokens import Tokens
from recsat.finetune.known import Known, what_is_known
from recsat.finetune.pairs import Pairs, PairSource
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings
from recsat.finetune.text_model import TextModel, startable
from recsat.finetune.training import TrainingContext, batched, seed_of, train
from recsat.finetune.validation import Validation, validation_of
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.prepare import read_split
from recsat.stages.trial.inputs import inputs_of
from recsat.stages.trial.users import describe_users

FOLDER = "finetune"
MODEL = "finetune/model"


@dataclass(frozen=True)
class Batch:
    """Pairs ``rows`` of an epoch; ``tokens`` are of the distinct texts of the epoch."""

    pairs: Pairs
    tokens: Tokens
    anchors: NDArray[np.intp]
    items: NDArray[np.intp]
    rows: slice


class Contrastive:
    """A :class:`~recsat.finetune.training.Task`: item pairs and (user text, item text) pairs against in-batch negatives."""

    def __init__(
        self,
        model: TextModel,
        source: PairSource,
        texts: pl.Series,
        validation: Validation,
        settings: FinetuneSettings,
        seed: int,
    ) -> None:
        self.text_model, self.model = model, model.module
        self.source, self.texts, self.validation = source, texts, validation
        self.settings, self.seed = settings, seed
        self.goal = f"ndcg@{validation.request.k}"
        self.batches = lru_cache(maxsize=1)(self._batches)  # of the running epoch alone

    def _batches(self, epoch: int) -> list[Batch]:
        settings = self.settings
        rng = np.random.default_rng(seed_of(self.seed, epoch))
        pairs = self.source.draw(settings.pairs_per_epoch, settings.user_share, rng)
        used, places = np.unique(np.concatenate([pairs.anchors, pairs.items]), return_inverse=True)
        tokens = self._tokens(pairs, used)
        anchors, items = places[: len(pairs)], places[len(pairs) :]
        return [Batch(pairs, tokens, anchors, items, rows) for rows in batched(len(pairs), settings.batch_size)]

    def _tokens(self, pairs: Pairs, used: NDArray[np.int64]) -> Tokens:
        """Items are encoded as documents and users as queries, where the model has a prompt for each."""
        encoder, n_items = self.text_model.encoder, len(self.texts)
        query = encoder.with_role("query").prompt
        texts = [encoder.prompt + text for text in self.texts.gather(used[used < n_items])]
        texts += [query + pairs.user_texts[i] for i in used[used >= n_items] - n_items]
        return self.text_model.tokens(texts, prompt="")

    def loss(self, batch: Batch) -> Tensor:
        rows, pairs = batch.rows, batch.pairs
        both = np.concatenate([batch.anchors[rows], batch.items[rows]])
        vectors = self.text_model.vectors(batch.tokens, both)
        anchors, items = vectors.chunk(2)
        is_liked = torch.from_numpy(self.source.is_liked(pairs.users[rows], pairs.items[rows])).to(vectors.device)
        log_chances = None
        if self.settings.popularity_correction:
            log_chances = torch.from_numpy(np.log(self.source.chances[pairs.items[rows]])).to(vectors)
        return info_nce(anchors, items, is_liked, temperature=self.settings.temperature, log_chances=log_chances)

    def validate(self) -> Mapping[str, float]:
        return self.validation.values(self.text_model.encode(self.texts.to_list()))


def info_nce(
    anchors: Tensor, items: Tensor, is_positive: Tensor, *, temperature: float, log_chances: Tensor | None = None
) -> Tensor:
    r"""InfoNCE with in-batch negatives.

    .. math:: -\frac1B \sum_i \log \frac{\exp(a_i^\top v_i / \tau)}{\exp(a_i^\top v_i / \tau) + \sum_{j \in N_i} \exp(a_i^\top v_j / \tau)}

    ``anchors`` and ``items`` are unit-length (B, d). :math:`N_i` are the other items of the batch but those of
    ``is_positive`` (B, B): what the anchor's own user liked is no negative, and a popular item that comes twice in a batch
    is none against itself. ``log_chances`` (B,), the log of each item's chance to be drawn, is taken off its logits.
    Van den Oord, Li and Vinyals, arXiv:1807.03748; the correction: Yi et al., RecSys 2019.
    """
    logits = anchors @ items.T / temperature
    if log_chances is not None:
        logits = logits - log_chances
    diagonal = torch.eye(len(items), dtype=torch.bool, device=items.device)
    logits = logits.masked_fill(is_positive & ~diagonal, float("-inf"))
    return functional.cross_entropy(logits, torch.arange(len(items), device=items.device))


def finetune(context: StageContext) -> StageCounts:
    """Writes finetune/model, a folder for ``encoder.model``, and finetune/history.json; goes on from a checkpoint if one is there."""
    settings = settings_of(context)
    texts: pl.Series = context.folder.read_table("data/texts.parquet")["text"]
    known = known_of(context)
    start = startable(
        context.plugins.encoder(context.config.encoder.name).make(context.config.encoder), context.config.encoder.name
    )
    model = TextModel(start, settings, context.config.seed)
    inputs = inputs_of(context, {})
    source = PairSource(known.train, context.catalogue, lambda events: describe_users(inputs, events))
    task = Contrastive(model, source, texts, validation_of(context, known.splits), settings, context.config.seed)
    state = train(task, settings, training_context(context, settings, start.fingerprint, "finetune"))
    context.folder.write_json("finetune/history.json", state.history)
    model.save(
        context.folder.path / MODEL,
        provenance_of(context, settings, start.fingerprint, state.history, state.best_epoch),
    )
    return StageCounts(n_new=state.step)


def settings_of(context: StageContext) -> FinetuneSettings:
    """What :func:`recsat.finetune.execute.new_finetune` wrote."""
    return context.folder.read_as("finetune/settings.json", FinetuneSettings)


def known_of(context: StageContext) -> Known:
    """What may be learnt from in this run."""
    splits = [read_split(context.folder, settings.name) for settings in context.config.splits]
    return what_is_known(splits, context.domain.positive)


def training_context(
    context: StageContext, settings: FinetuneSettings, fingerprint: str, stage: str
) -> TrainingContext:
    """Checkpoints go into the run's folder; metrics to the observers."""
    folder, observers = context.folder, context.plugins.observers
    data = folder.read_json("data/summary.json")["fingerprint"]
    # A longer interval between checkpoints, or another comparison, is the same training.
    same = settings.model_dump_json(exclude={"checkpoint_steps", "compare_arms"})
    parts = (same, fingerprint, data, _splits(context.config), str(context.config.seed))
    return TrainingContext(
        folder=folder.path / FOLDER,
        digest=sha256("\n".join(parts).encode()).hexdigest(),
        seed=context.config.seed,
        progress=context.progress,
        tell=lambda step, values: observers.recsat_on_metrics(
            stage=stage, folder=Path(folder.path), step=step, values=values
        ),
    )


def provenance_of(
    context: StageContext, settings: FinetuneSettings, fingerprint: str, history: list[dict[str, float]], best: int
) -> dict[str, object]:
    """The content of finetune.json: on which data and splits alone the model may be tested, where it started, its history."""
    config = context.config
    provenance = Provenance.of(config, context.folder.read_json("data/summary.json")["fingerprint"])
    return {
        **provenance.model_dump(mode="json"),
        "started_from": {"encoder": config.encoder.model_dump(), "fingerprint": fingerprint},
        "settings": settings.model_dump(),
        "best_epoch": best,
        "history": history,
    }


def _splits(config: RunConfig) -> str:
    return FinetuneConfig(run=config).run.model_dump_json(include={"domain", "domain_config", "data", "splits"})
