"""Looks whether a run would work here: every check does a small piece of the work itself, and says what to do if it fails.

Nothing is left behind, and no Prefect is imported.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from recsat.config.home import at_home, places_of
from recsat.config.settings import RunConfig
from recsat.errors import ConfigError, RecsatError
from recsat.plugins import Plugins
from recsat.run.check import check_config

LOW_DISK_GIB = 2
HEALTH_TIMEOUT_S = 5


@dataclass(frozen=True)
class Check:
    """One line of ``recsat doctor``: what was found, and what to do about it where it is not ``ok``."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str
    advice: str = ""


def diagnose(
    config: RunConfig, plugins: Plugins, env: Mapping[str, str], sources: Mapping[str, str] | None = None
) -> Iterator[Check]:
    """Every check in turn; a check that breaks is a ``fail`` and the next one goes on."""
    places = places_of(config)
    checks: dict[str, Callable[[], Check]] = {
        "python": _python,
        "torch": lambda: _torch(config),
        "plugins": lambda: _plugins(plugins),
        "settings": lambda: _settings(config, plugins, sources),
        "encoder": lambda: check_encoder(config, plugins),
        "home": lambda: _home(config),
        "store": lambda: _store(places),
        "folders": lambda: _folders(places),
        "prefect": lambda: _prefect(env),
    }
    for name, check in checks.items():
        try:
            yield check()
        except RecsatError as error:
            yield Check(name, "fail", str(error))
        except Exception as error:  # whatever breaks in a check is what the check looks for
            yield Check(name, "fail", f"{type(error).__name__}: {error}", "Run recsat --debug doctor to see where.")


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", f"{version} at {sys.executable}")


def _torch(config: RunConfig) -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("torch", "fail", str(error), "Run: pip install -c constraints.txt torch")
    from recsat.embed.device import pick_device

    devices = []
    for key, setting in (("encoder.device", config.encoder.device), ("rank.device", config.rank.device)):
        try:
            device = pick_device(setting)
        except ConfigError as error:
            return Check("torch", "fail", f"{key}: {error}")
        product = torch.eye(2, device=device) @ torch.ones(2, device=device)
        if product.tolist() != [1.0, 1.0]:
            return Check("torch", "fail", f"{device} computes wrong numbers: {product.tolist()}", f"Set {key} to cpu.")
        devices.append(f"{key} {device}")
    return Check("torch", "ok", f"{torch.__version__}, {', '.join(devices)}, {torch.get_num_threads()} threads")


def _plugins(plugins: Plugins) -> Check:
    failed = [record.name for record in plugins.records if record.status == "failed"]
    if failed:
        return Check(
            "plugins",
            "warn",
            f"broken: {', '.join(failed)}",
            "Run recsat doctor --plugin NAME to see why. Runs that do not name them go on without them.",
        )
    names = ", ".join(f"{record.name} {record.version}" for record in plugins.records)
    if not plugins.domains():
        advice = "Install a domain plugin, or write one: recsat new-plugin NAME"
        return Check("plugins", "fail", f"no domain in {names}", advice)
    return Check("plugins", "ok", names)


def _settings(config: RunConfig, plugins: Plugins, sources: Mapping[str, str] | None) -> Check:
    check_config(config, plugins, sources)
    return Check("settings", "ok", f"domain {config.domain}, arms {', '.join(config.arms)}")


def check_encoder(config: RunConfig, plugins: Plugins) -> Check:
    """Makes the encoder of a run and has it read a sentence."""
    import numpy as np

    start = time.perf_counter()
    encoder = plugins.encoder(config.encoder.name).make(config.encoder)
    [vector] = encoder.encode(["Does it read?"])
    seconds = time.perf_counter() - start
    length = float(np.linalg.norm(vector))
    if vector.shape != (encoder.dimension,) or not abs(length - 1) < 1e-3:
        message = f"{config.encoder.name} gives a vector of shape {vector.shape} and length {length:.3g}"
        advice = f"Its vectors must have shape ({encoder.dimension},) and length 1: mend the encoder or choose another."
        return Check("encoder", "fail", message, advice)
    # minilm compares its weights with a known checksum when it is made; every encoder's fingerprint covers its weights.
    name, weights = config.encoder.name, encoder.fingerprint[:12]
    return Check(
        "encoder", "ok", f"{name}, {encoder.dimension} dimensions, weights {weights}, {seconds:.1f} s to load and embed"
    )


def _home(config: RunConfig) -> Check:
    return Check("home", "ok", f"{at_home(config).home}")


def _store(config: RunConfig) -> Check:
    import numpy as np
    import polars as pl

    from recsat.store import open_store

    directory = Path(config.store.directory)
    settings = config.store.model_copy(update={"wait_s": 0.0})  # says at once that a run has it open
    if config.store.backend == "edge" and directory.exists():
        with open_store(settings, directory):  # a run that has it open, or files that cannot be read, show here
            pass
    parent = _nearest(directory)
    with tempfile.TemporaryDirectory(prefix=".recsat-doctor-", dir=_writable(parent)) as probe:
        name = f"recsat-doctor-{uuid4().hex}"
        vectors = np.eye(3, 4, dtype=np.float32)
        with open_store(settings, probe) as store:
            place = store.place
            try:
                store.ensure_collection(name, {"text": 4})
                store.upsert_table(name, [1, 2, 3], {"text": vectors}, pl.DataFrame({"kind": ["a", "b", "c"]}))
                keys = store.nearest(name, {"text": vectors}, 1)["text"].keys[:, 0].tolist()
            finally:
                store.drop_collection(name)
    where = str(directory) if config.store.backend == "edge" else place
    message = f"{config.store.backend}, {where}: three vectors written and found again"
    if keys != [1, 2, 3]:
        return Check(
            "store", "fail", f"{config.store.backend}, {where} finds {keys} instead of [1, 2, 3]", "Report this."
        )
    return Check("store", "ok", message)


def _folders(config: RunConfig) -> Check:
    free = []
    for key in ("runs_dir", "cache_dir"):
        parent = _writable(_nearest(Path(getattr(config, key))))
        with tempfile.TemporaryFile(dir=parent) as file:
            file.write(b"recsat")
        free.append((shutil.disk_usage(parent).free / 2**30, key, getattr(config, key)))
    paths = ", ".join(f"{key} {path}" for _, key, path in free)
    least, key, _ = min(free)
    if least < LOW_DISK_GIB:
        return Check("folders", "warn", f"{paths}: {least:.1f} GiB free", f"Free space, or set {key} to another disk.")
    return Check("folders", "ok", f"{paths}: writable, {least:.0f} GiB free")


def _prefect(env: Mapping[str, str]) -> Check:
    url = env.get("PREFECT_API_URL", "").rstrip("/")
    if not url:
        return Check("prefect", "ok", "PREFECT_API_URL is not set: runs start from the command line and from Python")
    if not url.startswith(("http://", "https://")):
        return Check(
            "prefect", "fail", f"PREFECT_API_URL is {url!r}", "Give an address such as http://127.0.0.1:4200/api"
        )
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=HEALTH_TIMEOUT_S):
            return Check("prefect", "ok", f"{url} answers")
    except urllib.error.HTTPError as error:
        advice = "Check that PREFECT_API_URL ends in /api and that its key or password is set."
        return Check("prefect", "warn", f"{url}/health answers {error.code} {error.reason}", advice)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        advice = "Start the server (prefect server start), or unset PREFECT_API_URL."
        return Check("prefect", "fail", f"{url} does not answer: {reason}", advice)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _writable(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder. Remove the file, or name another folder in the settings.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder} is not writable for this user. Give it write permission, or name another folder.")
    return folder
