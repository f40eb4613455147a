"""The estimate of a run that is not started: its data are read and split in a folder of their own, which is gone afterwards."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from recsat.config.home import at_home
from recsat.config.settings import RunConfig
from recsat.errors import ConfigError
from recsat.plugins import Plugins
from recsat.run.folder import new_run
from recsat.run.meter import MIB, Meter
from recsat.run.progress import LogProgress, Progress
from recsat.run.stage import StageContext
from recsat.run.threads import computing_with
from recsat.stages.estimate.estimate import Estimate, StageNeed, estimate
from recsat.stages.prepare import prepare


def estimate_before(config: RunConfig, plugins: Plugins, progress: Progress | None = None) -> Estimate:
    """What a run of ``config`` will take, ``prepare`` among it as it was measured; observers hear of nothing.

    Raises what ``prepare`` raises, ConfigError for arms that do not fit above all.
    """
    config = at_home(config)
    try:
        Path(config.runs_dir).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"runs_dir: {config.runs_dir} cannot be made: {error.strerror}. Set runs_dir or home to a folder that can be written."
        ) from error
    # Beside the runs: it is that disk whose free space counts.
    with TemporaryDirectory(prefix=".estimate-", dir=config.runs_dir) as parent, computing_with(config.threads):
        folder = new_run(config.model_copy(update={"runs_dir": parent}))
        context = StageContext.open(folder, plugins, progress or LogProgress())
        with Meter() as meter:
            prepare(context)
        written = sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
        prepared = StageNeed(name="prepare", seconds=meter.seconds, peak_mib=meter.peak_mib, disk_mib=written / MIB)
        to_come = estimate(context)
    return to_come.model_copy(update={"stages": [prepared, *to_come.stages]})
