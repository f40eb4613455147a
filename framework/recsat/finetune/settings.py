"""The settings of a fine-tuning run: the same object on the command line, in Python and in the Prefect form. Light: no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recsat.config.settings import RunConfig, Settings


class FinetuneSettings(Settings):
    """How a text encoder, or a classifier over it, is trained."""

    objective: Literal["contrastive", "classification"] = Field(
        "contrastive",
        description="contrastive: the text encoder itself. classification: a head on (user text, item text) that predicts a like.",
    )
    epochs: int = Field(5, ge=1, le=1000, description="Epochs at most; early stopping may end sooner.")
    pairs_per_epoch: int = Field(4096, ge=2, description="Pairs drawn anew for each epoch.")
    batch_size: int = Field(64, ge=2, description="Pairs in a step; a contrastive step has batch_size − 1 negatives.")
    user_share: float = Field(
        0.25, ge=0, le=1, description="contrastive: share of pairs that are (user text, item text), not (item, item)."
    )
    temperature: float = Field(0.05, gt=0, le=1, description="contrastive: cosines are divided by this.")
    popularity_correction: bool = Field(
        False, description="contrastive: take the log of an item's chance to be drawn off its logit."
    )
    negatives: int = Field(4, ge=1, le=100, description="classification: negatives for one positive.")
    learning_rate: float = Field(
        5e-5, gt=0, lt=1, description="Rate at the end of the warm-up; it falls to 0 from there."
    )
    warmup_share: float = Field(0.1, ge=0, lt=1, description="Share of all steps in which the rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay, of matrices only.")
    max_gradient_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    patience: int = Field(2, ge=1, description="Stop after so many epochs without a better validation value.")
    max_tokens: int = Field(64, ge=8, le=8192, description="Texts are cut after so many tokens in training.")
    freeze_embeddings: bool = Field(True, description="Leave the token embeddings as they are.")
    freeze_layers: int = Field(0, ge=0, description="Leave so many lower layers as they are (and the embeddings).")
    lora_rank: int = Field(
        0, ge=0, le=1024, description="Train low-rank adapters of this rank instead of the weights; 0: do not."
    )
    lora_targets: list[str] = Field(
        default_factory=list, description="Names of the layers that get adapters. Empty: as peft has it for the model."
    )
    checkpoint_steps: int = Field(50, ge=1, description="Steps between two checkpoints, from which a run can go on.")
    compare_arms: list[str] = Field(
        default_factory=lambda: ["text-raw", "text", "aligned"], description="Arms measured before and after."
    )


class FinetuneConfig(Settings):
    """A fine-tuning run: ``run`` names the data, the splits and the encoder to start from; ``finetune`` how it is trained."""

    run: RunConfig = Field(default_factory=RunConfig, description="Domain, splits, encoder, seed, folders.")
    finetune: FinetuneSettings = Field(default_factory=FinetuneSettings, description="Training.")


class FinetuneSources(RunConfig):
    """What ``recsat finetune`` reads from a file, variables and ``--set``: a run's settings and the section ``finetune``."""

    finetune: FinetuneSettings = Field(default_factory=FinetuneSettings, description="Training.")

    def parts(self) -> FinetuneConfig:
        """The same as the two parts of a fine-tuning run."""
        run = RunConfig(**{name: getattr(self, name) for name in RunConfig.model_fields})
        return FinetuneConfig(run=run, finetune=self.finetune)
