"""recsat: evidence whether a language model makes a recommender's users more satisfied, and the recommendations that do.

These are the public names. Importing them loads no torch, transformers, qdrant-client or Prefect; naming ``Model`` or ``LiveModel`` loads torch.

    import recsat

    data = recsat.load("content", folder="my-data")
    result = recsat.run(data, arms=["ease", "hybrid"], splits="timeline")
    result.table()
    model = recsat.fit(data, arm="hybrid")
    model.recommend(["42"], k=10)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recsat.config.settings import RunConfig
from recsat.contract.arm import (
    ArmState,
    Choosing,
    RatingPredictor,
    Reasons,
    Recommender,
    Recounted,
    Saveable,
    ScoredInParts,
)
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
    from recsat.api.data import load
    from recsat.api.run_result import RunResult
    from recsat.api.runs import fit, run
    from recsat.api.tables import ReportPage, ResultTable
    from recsat.feedback.event import FeedbackEvent
    from recsat.feedback.log import FeedbackLog
    from recsat.stages.model.live import LiveModel
    from recsat.stages.model.loaded import Model

__version__ = "0.1.0"

__all__ = [
    "ArmState",
    "CandidateFilter",
    "Catalogue",
    "Choosing",
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
    "ReportPage",
    "RerankInput",
    "Reranker",
    "RerankerSpec",
    "ResultTable",
    "Rule",
    "RunConfig",
    "RunError",
    "RunResult",
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
    "fit",
    "hookimpl",
    "likes",
    "load",
    "publisher_folder",
    "read_dataset",
    "read_table",
    "rescale_ratings",
    "run",
    "set_aside",
]


_LATER = {
    "FeedbackEvent": "recsat.feedback.event",
    "FeedbackLog": "recsat.feedback.log",
    "LiveModel": "recsat.stages.model.live",
    "Model": "recsat.stages.model.loaded",
    "ReportPage": "recsat.api.tables",
    "ResultTable": "recsat.api.tables",
    "RunResult": "recsat.api.run_result",
    "fit": "recsat.api.runs",
    "load": "recsat.api.data",
}
"""Public names whose modules are imported when they are named."""


def __getattr__(name: str) -> Any:
    if name == "run":  # the room of this name, which can be called
        return import_module("recsat.run")
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
