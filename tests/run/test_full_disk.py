"""A disk, a quota or a limit that is reached: one clear error, nothing half taken for whole, and the same run goes on when there is room."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from children import exit_of, run_below_file_size
from findings import findings

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.run.folder import RunFolder
from recsat.stages import PIPELINE

KEY = "full"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX has the limit on a file's size")
def test_whatever_has_no_room_says_so_and_the_run_goes_on_to_the_same_result(
    small_run_config: RunConfig, tmp_path: Path
) -> None:
    measure = small_run_config.measure.model_copy(update={"n_bootstrap": 100, "curves": False})
    small = small_run_config.model_copy(update={"splits": small_run_config.splits[:1], "measure": measure})
    undisturbed = findings(
        execute(small.model_copy(update={"home": str(tmp_path / "a")}), load_plugins(["content"]), stages=PIPELINE)
    )
    config = small.model_copy(update={"home": str(tmp_path / "b")})
    folder = RunFolder(tmp_path / "b" / "runs" / KEY)
    messages = {}
    for limit in (500, 4_000, 30_000, 100_000, 250_000, 400_000):
        code, message = exit_of(run_below_file_size, config.model_dump_json(), KEY, limit)
        assert code in (0, 7), message
        if code == 0:
            break
        messages[limit] = message
        assert re.search(r"[Ff]ree some space", messages[limit]), messages[limit]
        assert not list((tmp_path / "b").rglob("*.tmp"))
    assert len(messages) >= 3
    assert execute(config, load_plugins(["content"]), stages=PIPELINE, key=KEY) == folder.path
    assert findings(folder.path) == undisturbed
