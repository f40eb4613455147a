"""A run writes the same files whatever the locale and the zone of the machine are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recsat import RunConfig

CHILD = """
import sys
from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.stages import PIPELINE
execute(RunConfig.model_validate_json(sys.argv[1]), load_plugins(["content"]), stages=PIPELINE, key="one")
"""
ACCENTED = "é 千 "
WITH_TIMES = {
    "config.json",
    "stages.json",
    "result.json",
    "evaluated.json",
    "plan.json",
    "card.json",
    "model.json",
    "SHA256SUMS",
    "estimate.json",
    ".claim-holder",
}
"""Files that say when, where and on what machine a run was, as the report and TensorBoard's do; what they say besides is in the others."""
LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Kathmandu"},
    "German": {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0", "TZ": "America/St_Johns"},
}


def digests(folder: Path) -> dict[str, str]:
    files = [one for one in folder.rglob("*") if one.is_file() and one.name not in WITH_TIMES]
    files = [one for one in files if not one.name.startswith(("report", "events.out."))]
    return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def run(config: RunConfig, home: Path, environment: dict[str, str]) -> dict[str, str]:
    settings = config.model_copy(update={"home": str(home)})
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "TZ"))}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, settings.model_dump_json()],
        env={**usual, **environment},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return digests(home / "runs" / "one")


def accented_tables(folder: Path) -> dict[str, str]:
    """Forty users, twenty items, ids and titles beyond ASCII, times around midnight."""
    folder.mkdir()
    items = "".join(f"{ACCENTED}{i},Größe {i}\n" for i in range(20))
    events = "".join(
        f"ü{user},{ACCENTED}{(user * 3 + step * 7) % 20},rating,5,2024-01-{1 + step:02}T23:{user:02}:00\n"
        for user in range(40)
        for step in range(10)
    )
    (folder / "items.csv").write_text(f"item_id,title\n{items}", encoding="utf-8")
    (folder / "events.csv").write_text(f"user_id,item_id,event,value,timestamp\n{events}", encoding="utf-8")
    return {"layout": "tables", "folder": str(folder)}


@pytest.mark.slow
def test_locale_and_zone_change_no_file_of_a_run(small_run_config: RunConfig, tmp_path: Path) -> None:
    locales = tmp_path / "locales"
    locales.mkdir()
    if shutil.which("localedef"):
        subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", locales / "de_DE.ISO-8859-1"],
            check=False,
            capture_output=True,
        )
    measure = small_run_config.measure.model_copy(update={"n_bootstrap": 100, "curves": False})
    update = {"measure": measure, "domain_config": accented_tables(tmp_path / "mine")}
    config = small_run_config.model_copy(update=update)
    expected = run(config, tmp_path / "UTF-8", {"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    assert any(name.startswith("lists/") for name in expected)
    for name, environment in LOCALES.items():
        files = run(
            config, tmp_path / name, {**environment, "LOCPATH": str(locales)} if name == "German" else environment
        )
        assert files == expected, {one for one in expected if files.get(one) != expected[one]}
