"""What plugin authors test their domain with."""

from recsat.testing.contract import DomainContract

__all__ = ["DomainContract"]
