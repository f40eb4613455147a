"""What a change did: groups of users to whom two or more policies were shown, compared.

from recsat.experiment import mean_effect, sample_ratio_p

sample_ratio_p({"control": 5021, "treatment": 4979}, {"control": 1, "treatment": 1})
mean_effect(clicks_of_control, clicks_of_treatment)
"""

from recsat.experiment.analysis import analyse
from recsat.experiment.checks import imbalance, sample_ratio_p
from recsat.experiment.effects import Effect, adjusted_effect, margin_interval, mean_effect, ratio_effect
from recsat.experiment.mediation import Mediation, mediate
from recsat.experiment.planner import Design, deviation_of_rates, power_of, smallest_effect, users_needed
from recsat.experiment.sequence import Look, confidence_sequence, ratio_confidence_sequence
from recsat.experiment.users import read_log

__all__ = [
    "Design",
    "Effect",
    "Look",
    "Mediation",
    "adjusted_effect",
    "analyse",
    "confidence_sequence",
    "deviation_of_rates",
    "imbalance",
    "margin_interval",
    "mean_effect",
    "mediate",
    "power_of",
    "ratio_confidence_sequence",
    "ratio_effect",
    "read_log",
    "sample_ratio_p",
    "smallest_effect",
    "users_needed",
]
