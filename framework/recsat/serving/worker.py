"""One process of ``recsat serve``: the application that uvicorn imports, made of what the command says."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

import torch
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from recsat.serving.app import create_app
from recsat.serving.settings import ServingSettings, key_of
from recsat.serving.source import FolderSource, HomeSource

VARIABLE: Final = "RECSAT_SERVE"


class WorkerOptions(BaseModel):
    """What the command says to its processes, in the environment variable :data:`VARIABLE`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: FolderSource | HomeSource
    log: Path
    settings: ServingSettings


def app() -> FastAPI:
    """The application of this process."""
    options = WorkerOptions.model_validate_json(os.environ[VARIABLE])
    _end_with_parent()
    torch.set_num_threads(1)  # processes share the cores; threads of one that wait for each other only cost
    return create_app(options.source, options.log, options.settings, key=key_of())


def _end_with_parent() -> None:
    """Ends this process when the one that started it was killed: it would keep the port, and nobody would watch it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="recsat-parent", daemon=True).start()
