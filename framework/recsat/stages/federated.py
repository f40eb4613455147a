"""What a silo sends of a run, and what is made of what several send; see :mod:`recsat.arms.federated`."""

from __future__ import annotations

from recsat.arms.federated import Price, Sums, price_of_privacy, private_sums, sums_of
from recsat.contract.interactions import TrainingData
from recsat.run.stage import StageContext
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import filter_context, serve_known, validation_fold
from recsat.stages.trial.inputs import embedded_inputs, encoder_of


def silo_sums(context: StageContext, silo: str, split: str | None, *, pairs: bool) -> Sums:
    """Of everything that the run knows, or of the training part of ``split``: what may be judged there has no part in them."""
    return sums_of(training_data(context, split), silo=silo, encoder=encoder_of(context), pairs=pairs)


def silo_private_sums(
    context: StageContext, silo: str, split: str | None, *, epsilon: float, delta: float, clip: float, seed: int
) -> tuple[Sums, Price]:
    """The same with user-level differential privacy, and what that costs."""
    train = training_data(context, split)
    sums = private_sums(
        train, silo=silo, encoder=encoder_of(context), epsilon=epsilon, delta=delta, clip=clip, seed=seed
    )
    return sums, price_of_privacy(train, epsilon=epsilon, delta=delta, clip=clip)


def training_data(context: StageContext, split: str | None) -> TrainingData:
    """Everything that the run knows, or the training part of ``split``."""
    inputs = embedded_inputs(context)
    if split is not None:
        return validation_fold(inputs, read_split(context.folder, split)).train
    events = context.dataset.events
    return serve_known(inputs, [], events, filter_context(inputs, events)).train
