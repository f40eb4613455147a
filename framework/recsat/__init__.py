"""recsat: evidence whether a language model makes a recommender's users more satisfied, and the recommendations that do.

These are the public names. Importing them loads no torch, transformers, qdrant-client or Prefect.
"""

from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset
from recsat.contract.domain import (
    CandidateFilter,
    Domain,
    DomainConfig,
    Encoder,
    EncoderSpec,
    FilterContext,
    Judged,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
)
from recsat.contract.hooks import hookimpl
from recsat.contract.rules import Rule, field
from recsat.data.columns import Column
from recsat.data.loading import publisher_folder, read_dataset, set_aside
from recsat.data.reading import find_table, read_table
from recsat.errors import ConfigError, DataError, EncoderError, PluginError, RecsatError, RunError, StoreError

__version__ = "0.1.0"

__all__ = [
    "CandidateFilter",
    "Column",
    "ConfigError",
    "DataError",
    "Dataset",
    "Domain",
    "DomainConfig",
    "Encoder",
    "EncoderError",
    "EncoderSpec",
    "FilterContext",
    "Judged",
    "PluginError",
    "RecommenderSpec",
    "RecsatError",
    "RerankerSpec",
    "Rule",
    "RunConfig",
    "RunError",
    "SatisfactionMetric",
    "StoreError",
    "field",
    "find_table",
    "hookimpl",
    "publisher_folder",
    "read_dataset",
    "read_table",
    "set_aside",
]
