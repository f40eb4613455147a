"""Stage classify: a head on (user text, item text) learns to predict a like."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import polars as pl
import torch
from torch import Tensor

from recsat.embed.provenance import CLASSIFIER
from recsat.errors import DataError
from recsat.finetune.classification import classification_report, in_markdown
from recsat.finetune.cross_encoder import save_classifier, untrained_classifier
from recsat.finetune.encoder import known_of, provenance_of, settings_of, training_context
from recsat.finetune.judged_pairs import JudgedPairs, with_negatives
from recsat.finetune.pairs import PairSource
from recsat.finetune.settings import FinetuneSettings
from recsat.finetune.text_model import startable
from recsat.finetune.training import batched, seed_of, train
from recsat.rerank.cross_encoder import CrossEncoder, Pair
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.prepare import read_split
from recsat.stages.trial.inputs import inputs_of
from recsat.stages.trial.users import describe_users

DEV, TEST = 1_000_001, 1_000_002
"""Seeds of the parts that are drawn once; epochs have theirs from 0 on."""
Batch = list[tuple[Pair, int]]


class Classification:
    """A :class:`~recsat.finetune.training.Task`: log loss on likes and drawn negatives; the goal is the AUC on ``dev``."""

    goal = "auc"

    def __init__(
        self,
        classifier: CrossEncoder,
        source: PairSource,
        liked: pl.DataFrame,
        item_texts: Mapping[str, str],
        dev: Batch,
        settings: FinetuneSettings,
        seed: int,
    ) -> None:
        self.classifier, self.model = classifier, classifier.module
        self.source, self.liked, self.item_texts, self.dev = source, liked, item_texts, dev
        self.settings, self.seed = settings, seed
        self.batches = lru_cache(maxsize=1)(self._batches)

    def _batches(self, epoch: int) -> list[Batch]:
        """A user's text is made of a random half of their history; the pairs to classify come from the other half."""
        settings, source = self.settings, self.source
        rng = np.random.default_rng(seed_of(self.seed, epoch))
        pairs = source.draw(max(2, settings.pairs_per_epoch // (1 + settings.negatives)), 1.0, rng)
        users = source.user_ids.gather(pairs.users)
        positives = pl.DataFrame({"user_id": users, "item_id": source.catalogue.items["item_id"].gather(pairs.items)})
        texts = pl.DataFrame(
            {
                "user_id": users,
                "text": pl.Series(pairs.user_texts).gather(pairs.anchors - len(source.catalogue)),
            }
        ).unique("user_id")
        judged = with_negatives(positives, self.liked, settings.negatives, rng)
        rows = _in_words(judged, texts, self.item_texts)
        # Draws may coincide; every epoch has as many rows all the same, since the schedule counts on it.
        rows = [rows[i] for i in np.resize(np.arange(len(rows)), settings.pairs_per_epoch)]
        return [rows[part] for part in batched(len(rows), settings.batch_size)]

    def loss(self, batch: Batch) -> Tensor:
        logits = self.classifier.logits([pair for pair, _ in batch])
        labels = torch.tensor([float(label) for _, label in batch], device=logits.device)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)

    def validate(self) -> Mapping[str, float]:
        return report_of(self.classifier, self.dev)


def classify(context: StageContext) -> StageCounts:
    """Writes finetune/classifier, classifier.json and classifier.md: a report on dev for each epoch, and one on test."""
    settings, config, known = settings_of(context), context.config, known_of(context)
    start = startable(context.plugins.encoder(config.encoder.name).make(config.encoder), config.encoder.name)
    item_texts = dict(context.folder.read_table("data/texts.parquet").iter_rows())
    liked = context.dataset.events.filter(context.domain.positive)
    splits = [read_split(context.folder, one.name) for one in config.splits]
    dev = pl.concat([split.validation for split in known.splits]).filter(context.domain.positive)
    test = pl.concat([split.test for split in splits]).filter(context.domain.positive)
    inputs = inputs_of(context, {})
    source = PairSource(known.train, context.catalogue, lambda events: describe_users(inputs, events))
    classifier = untrained_classifier(
        start.checkpoint.folder, settings, budget=start.token_budget, device=config.encoder.device, seed=config.seed
    )
    # Negatives are drawn as if later parts were unknown: else what is liked there would show by never being one.
    task = Classification(
        classifier,
        source,
        known.train,
        item_texts,
        _held_out(context, known.train, dev, pl.concat([known.train, dev]), item_texts, settings, DEV),
        settings,
        config.seed,
    )
    state = train(task, settings, training_context(context, settings, start.fingerprint, "classify"))
    test_report = report_of(classifier, _held_out(context, known.train, test, liked, item_texts, settings, TEST))
    epochs = {f"dev, epoch {one['epoch']:.0f}": one for one in state.history}
    context.folder.write_json("finetune/history.json", state.history)
    context.folder.write_json(
        "finetune/classifier.json", {"dev": state.history, "test": test_report, "best_epoch": state.best_epoch}
    )
    markdown = f"# Classifier of likes\n\nThe weights are those of epoch {state.best_epoch}.\n\n" + in_markdown(
        {**epochs, "test": test_report}
    )
    context.folder.write_text("finetune/classifier.md", markdown)
    save_classifier(
        classifier,
        context.folder.path / CLASSIFIER,
        provenance_of(context, settings, start.fingerprint, state.history, state.best_epoch),
    )
    return StageCounts(n_new=state.step)


def report_of(classifier: CrossEncoder, rows: Batch) -> dict[str, float]:
    """The classification report on judged pairs."""
    labels = np.array([label for _, label in rows])
    return classification_report(labels, classifier.probabilities([pair for pair, _ in rows]))


def _held_out(
    context: StageContext,
    train_events: pl.DataFrame,
    positives: pl.DataFrame,
    liked: pl.DataFrame,
    item_texts: Mapping[str, str],
    settings: FinetuneSettings,
    part: int,
) -> Batch:
    """Held-out likes with negatives, as many rows as an epoch at most; a user's text is made of what they liked in training."""
    if positives.is_empty():
        raise DataError("a held-out part has no liked event to classify. Use fewer splits, or hold out more.")
    rng = np.random.default_rng(seed_of(context.config.seed, part))
    judged = with_negatives(positives, liked, settings.negatives, rng)
    judged = JudgedPairs(judged.table.head(settings.pairs_per_epoch))
    texts = describe_users(inputs_of(context, {}), train_events, judged.table["user_id"])
    return _in_words(judged, texts, item_texts)


def _in_words(judged: JudgedPairs, user_texts: pl.DataFrame, item_texts: Mapping[str, str]) -> Batch:
    table = judged.table.join(user_texts, on="user_id", how="left", maintain_order="left")
    items = (item_texts[item] for item in table["item_id"])
    return [((user, item), label) for user, item, label in zip(table["text"], items, table["label"], strict=True)]
