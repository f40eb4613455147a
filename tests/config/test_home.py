"""Where state lies: below one home, whatever the working directory is later, and never where it would be lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from recsat import ConfigError, RunConfig
from recsat.config.home import at_home, is_temporary, state_folder
from recsat.run import new_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is not in the folder for temporary files."""
    folder, temporary = tmp_path / "project", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.delenv("RECSAT_HOME", raising=False)
    monkeypatch.chdir(folder)
    return folder


def places(config: RunConfig) -> list[str]:
    return [config.home or "", config.runs_dir, config.cache_dir, config.store.directory]


def test_home_is_the_project_folder_by_default_and_stays_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = at_home(RunConfig())
    assert places(settled) == [str(project / name) for name in ("", "runs", ".recsat/cache", ".recsat/store")]
    monkeypatch.chdir("/")
    assert at_home(settled) == settled


def test_places_are_below_home_unless_they_are_absolute(tmp_path: Path) -> None:
    config = RunConfig(home=str(tmp_path), runs_dir="deep/runs", cache_dir="/var/cache/recsat")
    assert places(at_home(config)) == [
        str(tmp_path),
        str(tmp_path / "deep/runs"),
        "/var/cache/recsat",
        str(tmp_path / ".recsat/store"),
    ]
    assert state_folder(config, "models") == tmp_path / ".recsat" / "models"


def test_a_run_writes_absolute_places_into_its_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run(RunConfig(cache_dir="cache"))
    monkeypatch.chdir("/")
    assert folder.path.is_relative_to(project / "runs")
    assert places(folder.config()) == [str(project / name) for name in ("", "runs", "cache", ".recsat/store")]


@pytest.mark.parametrize("below", ["", "worker-4711/run"])
def test_a_run_in_a_temporary_folder_without_a_home_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    folder = Path(tempfile.gettempdir(), below)
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder)
    assert is_temporary(RunConfig())
    with pytest.raises(ConfigError, match=r"^state would be lost: no home is set, .* Set RECSAT_HOME"):
        new_run(RunConfig())
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("home", [".", "{project}"])
def test_a_home_that_is_set_makes_a_temporary_folder_a_choice(
    project: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.chdir(tempfile.gettempdir())
    folder = new_run(RunConfig(home=home.format(project=project)))
    assert folder.config().home == str(Path(home.format(project=project)).absolute())


def test_the_variable_counts_for_settings_that_no_command_has_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tempfile.gettempdir())
    monkeypatch.setenv("RECSAT_HOME", str(project / "home"))
    assert new_run(RunConfig()).path.parent == project / "home" / "runs"
    assert at_home(RunConfig(home=str(project))).home == str(project)
