"""What ``recsat new-plugin`` writes and refuses. That it installs, passes its tests and runs is held by tests/docs."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

import recsat
from recsat import ConfigError
from recsat.scaffold import write_plugin
from recsat.scaffold.write import TEMPLATE

SAMPLE = TEMPLATE / "package" / "sample"
MOST_LINES = 60


@pytest.fixture
def invent() -> ModuleType:
    spec = importlib.util.spec_from_file_location("invent", Path(__file__).with_name("invent.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_a_whole_distribution(tmp_path: Path) -> None:
    written = write_plugin("board_games", tmp_path)
    assert written.folder == tmp_path / "recsat-board-games"
    assert [path.as_posix() for path in written.files] == [
        "README.md",
        "pyproject.toml",
        "recsat_board_games/__init__.py",
        "recsat_board_games/domain.py",
        "recsat_board_games/sample/README.txt",
        "recsat_board_games/sample/events.csv",
        "recsat_board_games/sample/items.csv",
        "tests/test_domain.py",
    ]
    assert all((written.folder / path).is_file() for path in written.files)
    assert [path.name for path in tmp_path.iterdir()] == ["recsat-board-games"]  # no draft is left
    project = tomllib.loads((written.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "recsat-board-games"
    assert project["entry-points"]["recsat"] == {"board_games": "recsat_board_games.domain"}


def test_another_name_changes_the_name_alone(tmp_path: Path) -> None:
    books, wines = (write_plugin(name, tmp_path).folder for name in ("books", "wines"))
    one, other = (folder / f"recsat_{folder.name[7:]}" / "domain.py" for folder in (books, wines))
    renamed = one.read_text(encoding="utf-8").replace("The books domain", "The wines domain")
    assert other.read_text(encoding="utf-8") == renamed.replace('name="books"', 'name="wines"')


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be a plugin's name"),
        ("Books", "Try 'books'"),
        ("my-books", "Try 'my_books'"),
        ("3d", "Try 'd'"),
        ("über", "Try 'ber'"),
        ("my__books", "Try 'my_books'"),
        ("../books", "Try 'books'"),
        ("b" * 41, f"Try '{'b' * 40}'"),
        ("content", "installed already, by recsat-content"),
        ("flows", "'recsat_flows' is there already"),
    ],
)
def test_a_name_that_cannot_be_or_is_taken_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        write_plugin(name, tmp_path)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "recsat-books").mkdir()
    (tmp_path / "recsat-books" / "precious.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"recsat-books exists already, and nothing in it was changed"):
        write_plugin("books", tmp_path)
    assert [path.name for path in (tmp_path / "recsat-books").iterdir()] == ["precious.txt"]


def test_a_directory_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(ConfigError, match=r"is not a folder\. Make it, or name another one with --directory"):
            write_plugin("books", directory)


def test_the_domain_is_short_and_imports_public_names_alone(tmp_path: Path) -> None:
    folder = write_plugin("books", tmp_path).folder
    code = (folder / "recsat_books" / "domain.py").read_text(encoding="utf-8")
    assert len([line for line in code.splitlines() if line.strip()]) <= MOST_LINES
    for source in folder.rglob("*.py"):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        of = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        inside = {name for name in of | plain if name and name.split(".")[0] == "recsat"}
        assert inside <= {"recsat", "recsat.metrics", "recsat.testing", "recsat.testing.check_filters"}
        used = {
            n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "recsat"
        }
        assert used <= set(recsat.__all__)


def test_the_sample_is_what_its_simulator_gives(invent: ModuleType) -> None:
    items = pl.read_csv(SAMPLE / "items.csv").with_columns(pl.col("genres").str.split("|"))
    events = pl.read_csv(SAMPLE / "events.csv", try_parse_dates=True)
    assert invent.invent(items).equals(events)
    assert (items.height, events["user_id"].n_unique()) == (60, 80)


def test_the_command_refuses_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from recsat.cli import app

    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new-plugin", "Books"])
    assert done.exit_code == 2
    assert "Try 'books'" in done.stderr
    done = CliRunner().invoke(app, ["new-plugin", "books"])
    assert done.exit_code == 0
    assert "pip install -e ./recsat-books\n" in done.stdout
    assert (tmp_path / "recsat-books" / "pyproject.toml").is_file()
