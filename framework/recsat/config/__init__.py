"""The run's configuration, and how it is read: settings, files, sources, faults."""

from recsat.config.settings import RunConfig

__all__ = ["RunConfig"]
