"""EASE without its weights scores as with them, whatever its ridge and prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.ease_text import EaseText
from recsat.arms.linear.bilinear import length_weights
from recsat.arms.linear.spectrum import Spectrum
from recsat.contract.interactions import TrainingData


@pytest.mark.parametrize("n_users", [5, 60])
@pytest.mark.parametrize("power", [0.0, 0.5])
@pytest.mark.parametrize(("l2", "prior", "text_l2"), [(2.0, 0.0, 1.0), (0.5, 4.0, 0.3), (30.0, 1.0, 5.0)])
def test_scores_and_products_are_those_of_the_weights(
    blocks: TrainingData, n_users: int, power: float, l2: float, prior: float, text_l2: float
) -> None:
    train = replace(blocks, users=blocks.users.take(slice(0, n_users)))
    history, E = train.users.history, train.vectors["text"]
    judged = csr_array((np.random.default_rng(1).random((9, 30)) < 0.2).astype(np.float32))
    weights = EaseText(l2=l2, prior=prior, text_l2=text_l2, length_power=power).fit(train).weights
    spectrum = Spectrum(history, length_weights(history, power), judged)
    texts = spectrum.texts(E, text_l2) if prior else None
    scores = torch.from_numpy(judged.toarray()) @ weights
    torch.testing.assert_close(spectrum.scores(l2, prior, texts), scores, rtol=1e-3, atol=1e-4)
    products = spectrum.times(torch.from_numpy(E), l2, prior, texts)
    torch.testing.assert_close(products, weights @ torch.from_numpy(E), rtol=1e-3, atol=1e-4)
