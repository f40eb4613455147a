"""recsat: evidence whether a language model makes a recommender's users more satisfied, and the recommendations that do.

These are the public names. Importing them loads no torch, transformers, qdrant-client or Prefect; naming ``Model`` or ``LiveModel`` loads torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recsat.config.settings import RunConfig
from recsat.contract.arm import ArmState, RatingPredictor, Reasons, Recommender, Recounted, Saveable, ScoredInParts
from recsat.contract.dataset import Dataset
from recsat.contract.domain import (
    CandidateFilter,
    Domain,
    DomainConfig,
    Encoder,
    EncoderSpec,
    FilterContext,
    Judged,
    OwnTables,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
    likes,
)
from recsat.contract.hooks import hookimpl
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.contract.reranker import Example, LearnedReranker, Reranker, RerankInput, TextReranker
from recsat.contract.rules import Rule, field
from recsat.data.columns import Column
from recsat.data.loading import publisher_folder, read_dataset, rescale_ratings, set_aside
from recsat.data.reading import find_table, read_table
from recsat.errors import (
    ConfigError,
    DataError,
    EncoderError,
    FeedbackError,
    PluginError,
    RecsatError,
    RunError,
    SavedArmError,
    SavedModelError,
    StoreError,
)

if TYPE_CHECKING:
    from recsat.feedback.event import FeedbackEvent
    from recsat.feedback.log import FeedbackLog
    from recsat.stages.model.live import LiveModel
    from recsat.stages.model.loaded import Model

__version__ = "0.1.0"

__all__ = [
    "ArmState",
    "CandidateFilter",
    "Catalogue",
    "Column",
    "ConfigError",
    "DataError",
    "Dataset",
    "Domain",
    "DomainConfig",
    "Encoder",
    "EncoderError",
    "EncoderSpec",
    "Example",
    "FeedbackError",
    "FeedbackEvent",
    "FeedbackLog",
    "FilterContext",
    "Judged",
    "LearnedReranker",
    "LiveModel",
    "Model",
    "OwnTables",
    "PluginError",
    "RatingPredictor",
    "Reasons",
    "Recommender",
    "RecommenderSpec",
    "Recounted",
    "RecsatError",
    "RerankInput",
    "Reranker",
    "RerankerSpec",
    "Rule",
    "RunConfig",
    "RunError",
    "SatisfactionMetric",
    "Saveable",
    "SavedArmError",
    "SavedModelError",
    "ScoredInParts",
    "StoreError",
    "TextReranker",
    "TrainingData",
    "UserBatch",
    "field",
    "find_table",
    "hookimpl",
    "likes",
    "publisher_folder",
    "read_dataset",
    "read_table",
    "rescale_ratings",
    "set_aside",
]


_LATER = {
    "FeedbackEvent": "recsat.feedback.event",
    "FeedbackLog": "recsat.feedback.log",
    "LiveModel": "recsat.stages.model.live",
    "Model": "recsat.stages.model.loaded",
}
"""Public names whose modules are imported when they are named."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
