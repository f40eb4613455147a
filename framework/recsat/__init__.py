"""recsat: evidence whether a language model makes a recommender's users more satisfied, and the recommendations that do.

These are the public names. Each is imported when it is named, so that a help text waits for nothing. None loads transformers, qdrant-client or
Prefect; ``Model`` and ``LiveModel`` load torch.

    import recsat

    data = recsat.load("content", folder="my-data")
    result = recsat.run(data, arms=["ease", "hybrid"], splits="timeline")
    result.table()
    model = recsat.fit(data, arm="hybrid")
    model.recommend(["42"], k=10)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    from recsat.contract.topics import ItemTopics
    from recsat.data.columns import Column
    from recsat.data.loading import publisher_folder, read_dataset, rescale_ratings, set_aside
    from recsat.data.reading import find_table, read_table
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
    "ItemTopics",
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
    "ArmState": "recsat.contract.arm",
    "CandidateFilter": "recsat.contract.domain",
    "Catalogue": "recsat.contract.interactions",
    "Choosing": "recsat.contract.arm",
    "Column": "recsat.data.columns",
    "Dataset": "recsat.contract.dataset",
    "Domain": "recsat.contract.domain",
    "DomainConfig": "recsat.contract.domain",
    "Encoder": "recsat.contract.domain",
    "EncoderSpec": "recsat.contract.domain",
    "Example": "recsat.contract.reranker",
    "FeedbackEvent": "recsat.feedback.event",
    "FeedbackLog": "recsat.feedback.log",
    "FilterContext": "recsat.contract.domain",
    "Judged": "recsat.contract.domain",
    "ItemTopics": "recsat.contract.topics",
    "LearnedReranker": "recsat.contract.reranker",
    "LiveModel": "recsat.stages.model.live",
    "Model": "recsat.stages.model.loaded",
    "OwnTables": "recsat.contract.domain",
    "RatingPredictor": "recsat.contract.arm",
    "Reasons": "recsat.contract.arm",
    "Recommender": "recsat.contract.arm",
    "RecommenderSpec": "recsat.contract.domain",
    "Recounted": "recsat.contract.arm",
    "ReportPage": "recsat.api.tables",
    "RerankInput": "recsat.contract.reranker",
    "Reranker": "recsat.contract.reranker",
    "RerankerSpec": "recsat.contract.domain",
    "ResultTable": "recsat.api.tables",
    "Rule": "recsat.contract.rules",
    "RunConfig": "recsat.config.settings",
    "RunResult": "recsat.api.run_result",
    "SatisfactionMetric": "recsat.contract.domain",
    "Saveable": "recsat.contract.arm",
    "ScoredInParts": "recsat.contract.arm",
    "TextReranker": "recsat.contract.reranker",
    "TrainingData": "recsat.contract.interactions",
    "UserBatch": "recsat.contract.interactions",
    "field": "recsat.contract.rules",
    "find_table": "recsat.data.reading",
    "fit": "recsat.api.runs",
    "hookimpl": "recsat.contract.hooks",
    "likes": "recsat.contract.domain",
    "load": "recsat.api.data",
    "publisher_folder": "recsat.data.loading",
    "read_dataset": "recsat.data.loading",
    "read_table": "recsat.data.reading",
    "rescale_ratings": "recsat.data.loading",
    "set_aside": "recsat.data.loading",
}
"""Public names whose modules are imported when they are named."""


def __getattr__(name: str) -> Any:
    if name == "run":  # the room of this name, which can be called
        return import_module("recsat.run")
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
