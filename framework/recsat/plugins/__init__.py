"""Finds plugins, checks them, and names the owner of everything that they give.

A plugin is a module behind an entry point of the group ``recsat``. It either keeps the contract of
:mod:`recsat.contract.hooks` whole, or gives nothing: whatever is wrong with it, an import that fails or a metric of the wrong
type, becomes a *failed* record and a warning, and an error as soon as somebody asks for that plugin, its domain or
anything of its. Nothing here keeps state between calls of :func:`load_plugins`; workers are handed plugin names and
load them where they run.
"""

from recsat.plugins._catalogue import Plugins
from recsat.plugins._checks import faults
from recsat.plugins._describe import describe
from recsat.plugins._load import load_plugins
from recsat.plugins._observers import Observers
from recsat.plugins._record import PluginRecord

__all__ = ["Observers", "PluginRecord", "Plugins", "describe", "faults", "load_plugins"]
