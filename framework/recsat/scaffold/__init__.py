"""Writes a new plugin: a whole distribution that installs, passes its tests and runs as it is."""

from recsat.scaffold.write import Written, write_plugin

__all__ = ["Written", "write_plugin"]
