"""What plugin authors test their domain with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsat.testing.contract import DomainContract

__all__ = ["DomainContract"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: it needs pytest, and a simulated sample must load where no test runner is installed.
    if name == "DomainContract":
        try:
            from recsat.testing.contract import DomainContract
        except ModuleNotFoundError as error:
            if error.name != "pytest":
                raise
            told = "DomainContract needs pytest, which is not installed. Run: pip install 'recsat[testing]'"
            raise ModuleNotFoundError(told, name="pytest") from error
        return DomainContract
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
