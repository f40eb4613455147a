"""Off-policy evaluation: what a policy would have earned, from the log of another.

from recsat.offpolicy import BanditLog, SNIPS, diagnose

log = BanditLog(reward=clicks, propensity=propensities, user=users)
diagnose(log, target).answer
SNIPS().interval(log, target)
"""

from recsat.offpolicy.diagnosis import Diagnosis, diagnose
from recsat.offpolicy.embeddings import MIPS, Embedding, text_groups
from recsat.offpolicy.estimators import DM, DR, IPS, SNDR, SNIPS, DRos, Estimator, SwitchDR
from recsat.offpolicy.intervals import PolicyValue
from recsat.offpolicy.log import BanditLog, Policy
from recsat.offpolicy.outcome import LinearOutcome, OutcomeModel, Predictions
from recsat.offpolicy.pages import IIPS, SIPS, RewardInteractionIPS
from recsat.offpolicy.policies import deterministic, epsilon_mix, softmax_policy, uniform_over_lists
from recsat.offpolicy.slope import slope

__all__ = [
    "DM",
    "DR",
    "IIPS",
    "IPS",
    "MIPS",
    "SIPS",
    "SNDR",
    "SNIPS",
    "BanditLog",
    "DRos",
    "Diagnosis",
    "Embedding",
    "Estimator",
    "LinearOutcome",
    "OutcomeModel",
    "Policy",
    "PolicyValue",
    "Predictions",
    "RewardInteractionIPS",
    "SwitchDR",
    "deterministic",
    "diagnose",
    "epsilon_mix",
    "slope",
    "softmax_policy",
    "text_groups",
    "uniform_over_lists",
]
