"""What a change did: groups of users to whom two or more policies were shown, compared.

from recsat.experiment import mean_effect, sample_ratio_p

sample_ratio_p({"control": 5021, "treatment": 4979}, {"control": 1, "treatment": 1})
mean_effect(clicks_of_control, clicks_of_treatment)
"""

from recsat.experiment.checks import imbalance, sample_ratio_p
from recsat.experiment.effects import Effect, adjusted_effect, margin_interval, mean_effect, ratio_effect

__all__ = ["Effect", "adjusted_effect", "imbalance", "margin_interval", "mean_effect", "ratio_effect", "sample_ratio_p"]
