"""The errors that recsat raises. Every message says what is wrong, where, and what to do.

One small tree: catch :class:`RecsatError` for all of it. Errors of libraries underneath are chained, never swallowed.
"""


class RecsatError(Exception):
    """Anything that recsat itself refuses or cannot do."""


class ConfigError(RecsatError):
    """A setting is unknown, of the wrong type or out of bounds; the message names the setting and its source."""


class DataError(RecsatError):
    """Input that cannot be used; the message names file, row, column, value and the fix."""


class PluginError(RecsatError):
    """A plugin cannot be loaded or broke the contract; the message names the distribution, the hook and the fix."""


class EncoderError(RecsatError):
    """A model cannot be found, checked or run."""


class StoreError(RecsatError):
    """A vector store refused an operation or cannot be opened."""


class RunError(RecsatError):
    """A run folder is missing a stage's files, or they belong to another configuration."""


class UnknownItem(DataError):
    """An item id that the catalogue does not have."""


class UnknownUser(DataError):
    """A user id that the data does not have."""
