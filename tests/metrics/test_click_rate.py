"""The click rate of lists against the truth of simulated worlds, of which the log shows another policy."""

from __future__ import annotations

import numpy as np
from logged_lists import SETTINGS, TOPICS, judged_of, personal_lists, true_rate

from recsat.metrics import click_through_rate
from recsat.testing.simulate import make_world


def test_bias_is_under_two_per_cent_though_only_who_clicked_is_served() -> None:
    metric = click_through_rate(description="M.")
    estimates, truths = [], []
    for seed in range(24):
        world = make_world(TOPICS, SETTINGS.model_copy(update={"seed": seed}))
        listed = personal_lists(world, seed)
        judged = judged_of(world, listed)
        measured = metric.compute(judged)
        assert len(judged.users) < 0.95 * measured.height  # many clicked nothing
        estimates.append(float(measured["value"].to_numpy().mean()))
        truths.append(true_rate(world, listed))
    bias = np.mean(estimates) / np.mean(truths) - 1
    assert abs(bias) < 0.02
