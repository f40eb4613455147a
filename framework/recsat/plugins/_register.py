"""Imports one plugin and holds its functions against the hook specifications."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from recsat.contract import hooks
from recsat.errors import PluginError, did_you_mean
from recsat.plugins._record import Owner

PREFIX = "recsat_"


def manager() -> pluggy.PluginManager:
    """A pluggy manager that knows recsat's hooks and no plugin."""
    plugins = pluggy.PluginManager(hooks.PROJECT)
    plugins.add_hookspecs(hooks)
    return plugins


SPECS = {name: inspect.signature(getattr(hooks, name)) for name in vars(manager().hook) if name.startswith(PREFIX)}
"""Signature of every hook by its name."""


def import_plugin(owner: Owner, point: EntryPoint) -> object:
    """The object behind the entry point. Raises :class:`PluginError` with whatever the import raised as its cause."""
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{owner} cannot be imported: {point.value!r} raised {type(error).__name__}: {error}. "
            f"Repair or uninstall {owner.distribution}."
        ) from error


def register(plugins: pluggy.PluginManager, owner: Owner, plugin: object) -> None:
    """Check the hooks of an imported plugin and register it under its name."""
    faults = list(_hook_faults(plugins, plugin))
    if not faults and plugins.is_registered(plugin):
        faults = [
            f"its module {owner.module!r} is already the plugin {plugins.get_name(plugin)!r}; remove one entry point"
        ]
    if not faults and not _hook_names(plugins, plugin):
        faults = [
            f"{owner.module!r} has no hooks: write @recsat.hookimpl over a function such as recsat_domain, "
            f"or point the entry point at the module that has them"
        ]
    if faults:
        raise PluginError(f"{owner} does not fit the hooks: {'; '.join(faults)}.")
    try:
        plugins.register(plugin, name=owner.name)
    except (ValueError, pluggy.PluginValidationError) as error:
        raise PluginError(
            f"{owner} cannot be registered: {error}. Repair or uninstall {owner.distribution}."
        ) from error


def _hook_faults(plugins: pluggy.PluginManager, plugin: object) -> Iterator[str]:
    for name, function, options in _functions(plugins, plugin):
        hook = (options or {}).get("specname") or name
        if options is None and not name.startswith(PREFIX):
            continue
        if hook not in SPECS:
            yield f"{name} at {place(function)} is no hook of recsat.{did_you_mean(hook, SPECS, 2)} Rename it"
        elif options is None:
            yield f"{name} at {place(function)} is named like a hook but not marked: write @recsat.hookimpl over it"
        elif options.get("wrapper") or options.get("hookwrapper"):
            # Hooks are called one implementation at a time, so there is nothing to wrap.
            yield f"{name} at {place(function)} is a wrapper, and recsat's hooks cannot be wrapped: return or do the thing itself"
        else:
            yield from _argument_faults(name, hook, function)


def _argument_faults(name: str, hook: str, function: Any) -> Iterator[str]:
    needed, optional = _parameters(function)
    unknown = [argument for argument in needed if argument not in SPECS[hook].parameters]
    if unknown:
        yield (
            f"{name} at {place(function)} takes {', '.join(map(repr, unknown))}, which {hook}{_shape(hook)} does not give."
            f"{did_you_mean(unknown[0], SPECS[hook].parameters, 2)} Take any of its arguments, by their names"
        )
    defaulted = [argument for argument in optional if argument in SPECS[hook].parameters]
    if defaulted:
        # pluggy never passes a parameter that has a default, so the function would see the default for ever.
        yield f"{name} at {place(function)} gives {defaulted[0]!r} a default, and would never be handed the real one: remove the default"


def _parameters(function: Any) -> tuple[list[str], list[str]]:
    parameters = [
        p for p in inspect.signature(function).parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    needed = [p.name for p in parameters if p.default is p.empty]
    return needed, [p.name for p in parameters if p.default is not p.empty]


def _shape(hook: str) -> str:
    return f"({', '.join(SPECS[hook].parameters)})"


def _hook_names(plugins: pluggy.PluginManager, plugin: object) -> list[str]:
    return [name for name, _, options in _functions(plugins, plugin) if options is not None]


def _functions(plugins: pluggy.PluginManager, plugin: object) -> Iterator[tuple[str, Any, Any]]:
    """Name, function and hookimpl options (None: not marked), without running a property."""
    for name in dir(plugin):
        static = inspect.getattr_static(plugin, name, None)
        if isinstance(static, types.FunctionType | types.MethodType | staticmethod | classmethod):
            yield name, getattr(plugin, name), plugins.parse_hookimpl_opts(plugin, name)


def place(function: Any) -> str:
    """``file:line`` of a function, for error messages."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
