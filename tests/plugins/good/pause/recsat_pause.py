import os
import time
from pathlib import Path

from recsat import hookimpl


@hookimpl
def recsat_before_stage(stage: str, folder: Path) -> None:
    """Waits while PAUSES has a file ``<run>.<stage>``, and says that it does by a file ``<run>.<stage>.reached``."""
    pause = Path(os.environ["PAUSES"]) / f"{folder.name}.{stage}"
    if pause.exists():
        pause.with_name(f"{pause.name}.reached").touch()
    while pause.exists():
        time.sleep(0.1)
