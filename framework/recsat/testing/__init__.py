"""What plugin authors test their parts with: a class for each kind of part, to inherit and to name the part in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsat.testing.contract import DomainContract
    from recsat.testing.encoder_contract import EncoderContract
    from recsat.testing.filter_contract import FilterContract
    from recsat.testing.recommender_contract import RecommenderContract
    from recsat.testing.reranker_contract import RerankerContract

__all__ = ["DomainContract", "EncoderContract", "FilterContract", "RecommenderContract", "RerankerContract"]

_MODULES = {
    "DomainContract": "contract",
    "EncoderContract": "encoder_contract",
    "FilterContract": "filter_contract",
    "RecommenderContract": "recommender_contract",
    "RerankerContract": "reranker_contract",
}


def __getattr__(name: str) -> Any:
    # Imported at first use: it needs pytest, and a simulated sample must load where no test runner is installed.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"recsat.testing.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        message = f"{name} needs pytest, which is not installed. Run: pip install 'recsat[testing]'"
        raise ModuleNotFoundError(message, name="pytest") from error
