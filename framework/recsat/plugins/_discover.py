"""Which plugins are installed. Reads distribution metadata; imports no plugin."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from recsat.errors import PluginError, did_you_mean
from recsat.plugins._record import BUILTIN, Owner, listed

GROUP = "recsat"


def discover() -> list[tuple[Owner, EntryPoint]]:
    """recsat's registrations first, then every installed plugin, by name."""
    # entry_points() itself lets the first of two metadata folders of one distribution win, as import does.
    installed = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return [(_owner(point), point) for point in (_builtin(), *installed)]


def selected_plugins(
    installed: list[tuple[Owner, EntryPoint]], names: Sequence[str] | None
) -> list[tuple[Owner, EntryPoint]]:
    """The ``installed`` plugins that ``names`` names, and recsat itself first; all where ``names`` is None."""
    if names is None:
        return installed
    installed_names = {owner.name for owner, _ in installed}
    for name in names:
        if name not in installed_names:
            raise PluginError(
                f"No plugin {name!r} is installed.{did_you_mean(name, installed_names, 2)} "
                f"Installed: {listed(installed_names - {BUILTIN})}. "
                f"Install the distribution that gives it, or correct the name; `recsat plugins` lists what is found."
            )
    return [installed[0], *((owner, point) for owner, point in installed[1:] if owner.name in names)]


def _builtin() -> EntryPoint:
    return EntryPoint(name=BUILTIN, value="recsat.builtin.hooks", group=GROUP)


def _owner(point: EntryPoint) -> Owner:
    from recsat import __version__

    if point == _builtin():
        return Owner(BUILTIN, "recsat", __version__, point.value)
    if point.dist is None:
        return Owner(point.name, "unknown distribution", "?", point.value)
    # A METADATA file without Name or Version is possible, and gives None against the annotations.
    return Owner(point.name, point.dist.name or "unknown distribution", point.dist.version or "?", point.value)
