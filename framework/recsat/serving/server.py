"""``recsat serve`` behind the command: one process or several that share a port and a log."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from recsat.config.settings import RunConfig
from recsat.errors import ConfigError
from recsat.feedback.log import log_folder
from recsat.serving.settings import ServingSettings, check_host, key_of
from recsat.serving.source import FolderSource, HomeSource
from recsat.stages.model.card import ModelCard
from recsat.stages.model.files import ModelFiles

WAIT_S = 30
"""How long requests in progress may go on after the service is told to end."""


def feedback_folder(card: ModelCard) -> Path:
    """Where the home of a model keeps the feedback of its domain.

    Raises ConfigError where that home is not on this machine, as of a model folder that was copied.
    """
    config = RunConfig.model_validate(card.config)
    if not Path(config.home or ".").is_dir():
        raise ConfigError(
            f"the home of this model, {config.home}, is not on this machine. Name a folder for what users do: --feedback FOLDER."
        )
    return log_folder(config)


def serve(
    source: FolderSource | HomeSource, log: Path | None, settings: ServingSettings, host: str, port: int, workers: int
) -> None:
    """Serves what ``source`` names until a signal ends it; requests in progress are answered first.

    Raises ConfigError for a host that others reach without a key, SavedModelError where there is no model.
    """
    check_host(host, key_of())
    card = ModelFiles(source.current().path).card()
    log = feedback_folder(card) if log is None else log
    from recsat.serving.worker import VARIABLE, WorkerOptions  # after what may refuse: these take a second to import

    options = WorkerOptions(source=source, log=log.absolute(), settings=settings)
    with TemporaryDirectory(prefix="recsat-metrics-") as figures:
        os.environ[VARIABLE] = options.model_dump_json()
        if workers > 1:
            from recsat.serving.metrics import FOLDER

            os.environ[FOLDER] = figures
        import uvicorn

        uvicorn.run(
            "recsat.serving.worker:app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=WAIT_S,
        )
