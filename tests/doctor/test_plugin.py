"""``recsat doctor --plugin`` finds each error that a beginner makes, and says what to do about it.

The plugin that ``recsat new-plugin`` writes is installed by pip; each test breaks one thing in a copy of what was installed.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from recsat.cli import app
from recsat.doctor.plugin import _plain
from recsat.scaffold import write_plugin

Doctor = Callable[..., dict[str, tuple[str, str]]]
PIP = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile"]
DOMAIN = "recsat_books/domain.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed a new plugin."""
    folder = tmp_path_factory.mktemp("books")
    source = write_plugin("books", folder).folder
    command = [sys.executable, *PIP, "--target", str(folder / "site"), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / "site"


@pytest.fixture
def books(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it that this process finds, to be broken."""
    site = shutil.copytree(installed, tmp_path / "copy")
    monkeypatch.syspath_prepend(str(site))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "recsat_books"]:
        del sys.modules[name]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doctor]:
    """``doctor("books", "--set", …)``: status and text of each check, in order; the exit code must agree."""
    for name in [name for name in os.environ if name.startswith("RECSAT_")]:
        monkeypatch.delenv(name)
    loggers = [logging.getLogger(name) for name in ("", "recsat", "recsat.plugins")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]

    def run(plugin: str, *arguments: str) -> dict[str, tuple[str, str]]:
        importlib.invalidate_caches()
        done = CliRunner().invoke(app, ["doctor", "--plugin", plugin, *arguments], env={"COLUMNS": "2000"})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.stderr == ""
        parts = re.split(r"^(ok|fail) +(\w+) +", done.stdout, flags=re.MULTILINE)[1:]
        checks = {name: (status, " ".join(text.split())) for status, name, text in zip(*[iter(parts)] * 3, strict=True)}
        assert done.exit_code == int(any(status == "fail" for status, _ in checks.values()))
        return checks

    yield run
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_new_plugin_is_in_good_health(books: Path, doctor: Doctor) -> None:
    checks = doctor("books")
    assert {name: text for name, (status, text) in checks.items() if status != "ok"} == {}
    assert list(checks) == ["found", "hooks", "settings", "tables", "texts", "liked", "filters", "metrics"]
    assert checks["found"][1] == "recsat-books 0.1.0, module recsat_books.domain"
    assert "domains: books" in checks["hooks"][1]
    assert checks["tables"][1] == "60 items, 2,442 events"
    assert checks["filters"][1].endswith("removing something under these settings: none")


def test_settings_are_those_of_the_run(books: Path, doctor: Doctor) -> None:
    checks = doctor("books", "--set", "domain_config.max_pages=300")
    assert "max_pages 300" in checks["settings"][1]
    assert checks["filters"][1].endswith("removing something under these settings: books.short")
    assert (
        "--set: domain_config.max_page is no setting"
        in doctor("books", "--set", "domain_config.max_page=3")["settings"][1]
    )


READ = "return recsat.read_dataset(SAMPLE, items=BOOKS, source=source, simulated=True)"
LAZY = """import dataclasses
        data = recsat.read_dataset(SAMPLE, items=BOOKS, source=source, simulated=True)
        return dataclasses.replace(data, events=data.events.lazy())"""
RULE = 'rule=recsat.field("pages") <= (lambda context: context.config.max_pages)'
SHARED = 'PAGES_READ = event_sum("read", name="pages_read", description="Pages read of listed books.", unit="pages")'
BY_HAND = """
def pages_read(judged):
    read = judged.hits.filter(pl.col("event") == "read").group_by("user_id").agg(pl.col("value").sum())
    return judged.users.to_frame("user_id").join(read, on="user_id", how="left").fill_null(0)


PAGES_READ = recsat.SatisfactionMetric(
    name="pages_read", description="Pages read of listed books.", unit="pages", better="higher", compute=pages_read
)"""
BREAKS = {
    "misspelt hook": ("hooks", "def recsat_domain", "def recsat_domian", ["recsat_domian at ", "Did you mean 'recsat_domain'", "Rename it"]),
    "hook not marked": ("hooks", "@recsat.hookimpl\n", "", ["named like a hook but not marked", "write @recsat.hookimpl over it"]),
    "hook with an argument it has not": ("hooks", "def recsat_domain()", "def recsat_domain(config)", ["takes 'config'", "Take any of its arguments"]),
    "hook of wrong return type": ("hooks", "return recsat.Domain(", "return dict(", ["returned dict {'name': 'books'", "expected recsat.Domain"]),
    "hook without return": ("hooks", "return recsat.Domain(", "recsat.Domain(", ["returned None (is a return missing?)", "expected recsat.Domain"]),
    "missing field": ("hooks", "        positive=LIKED,\n", "", ["recsat_domain at ", "missing 1 required keyword-only argument: 'positive'"]),
    "field of wrong type": ("hooks", "positive=LIKED", "positive=4", ["positive is 4; give a polars expression over events"]),
    "reason of an unknown placeholder": ("hooks", 'topics="genres"', 'topics="genres", reasons={"because": "like {titel}"}', ["reasons['because'] has '{titel}'; the placeholders are {title}, {topic}, {market}", "Did you mean 'title'"]),
    "import that fails": ("hooks", "import polars as pl", "import polarss as pl", ["cannot be imported", "No module named 'polarss'"]),
    "name that another plugin has": ("hooks", 'name="books"', 'name="content"', ["The domain 'content' is given by", "recsat-books 0.1.0", "recsat-content", "Uninstall one of"]),
    "metric of a name twice": ("hooks", "metrics=[PAGES_READ]", "metrics=[PAGES_READ, PAGES_READ]", ["metrics has 'pages_read' twice; rename one"]),
    "demo with an arm that is not": ("settings", '"text-raw"', '"text-rwa"', ["arms: No arm is called 'text-rwa'. Did you mean 'text-raw'"]),
    "load of wrong return type": ("tables", READ, "return dict(source=source)", ["load returned a dict; return a recsat.Dataset"]),
    "table of wrong type": ("tables", READ, LAZY, ["load returned events as a LazyFrame; call .collect() on it"]),
    "missing column of the contract": ("tables", '    "kind": Column(default="book"),\n', "", ["items: there is no column 'kind'", "Add it in the domain's load"]),
    "missing column of a file": ("tables", '"title": TEXT', '"titel": TEXT', ["items.csv, row 1: there is no column 'titel'", "Did you mean 'title'? Rename or add it"]),
    "column of the title that is not": ("tables", 'topics="genres"', 'topics="genres", title="name"', ["items have no text column 'name', which the domain calls its title; they have"]),
    "topics that are not": ("tables", 'topics="genres"', 'topics="genre"', ["no list-of-strings column 'genre'", "name another column as topics"]),
    "kind that the domain has not": ("tables", 'kinds=("book",)', 'kinds=("novel",)', ["items have kinds ['book'], and the domain has ('novel',)"]),
    "value without unit": ("tables", '{"read": "pages", "rating": "stars"}', '{"read": "pages"}', ["events ['rating'] have values without a unit"]),
    "load that raises": ("tables", "    if config.folder is None", "    1 / 0\n    if config.folder is None", ["ZeroDivisionError: division by zero", "Mend ", f"{DOMAIN}:31"]),
    "item texts of wrong type": ("tables", '"blurb")).to_series()', '"blurb"))', ["describe_item returned a DataFrame; return one text for each of the 60 rows of items"]),
    "users without texts": ("texts", 'how="left", maintain_order="left"', 'how="inner"', ["describe_user returns", "return one for each"]),
    "users without words": ("texts", '"Somebody new."', '""', ["describe_user gives user_id", "an empty text"]),
    "liking that is not true or false": ("liked", 'positive=LIKED', 'positive=pl.col("value")', ["positive gives Float64 over events; it must be true or false"]),
    "nothing liked": ("liked", '"value") >= 4', '"value") >= 40', ["positive is true for no event at all"]),
    "filter of wrong return type": ("filters", RULE, 'keep=lambda items, context: items.select("pages")', ["filter short: keep returned a DataFrame; return a Boolean Series"]),
    "metric of wrong return type": ("metrics", SHARED, BY_HAND.replace(".fill_null(0)", '.fill_null(0)["value"]'), ["metric pages_read", "it returns a Series; return a DataFrame (user_id, value)"]),
    "metric of other columns": ("metrics", SHARED, BY_HAND.replace(".fill_null(0)", '.rename({"value": "pages"})'), ["it returns ['user_id', 'pages']; return user_id and value"]),
    "metric that raises": ("metrics", SHARED, BY_HAND.replace('pl.col("event")', 'pl.col("evnt")'), ["metric pages_read", "ColumnNotFoundError", f"{DOMAIN}:55"]),
}  # fmt: skip


@pytest.mark.parametrize("error", BREAKS)
def test_each_error_is_found_where_it_is_and_says_what_to_do(error: str, books: Path, doctor: Doctor) -> None:
    step, old, new, pieces = BREAKS[error]
    change(books / DOMAIN, old, new)
    checks = doctor("books")
    assert {name for name, (status, _) in checks.items() if status == "fail"} == {step}
    assert list(checks)[-1] == step  # nothing is tried on what is known to be broken
    assert [piece for piece in pieces if piece not in checks[step][1]] == []


def test_a_bad_cell_is_named_with_file_and_row(books: Path, doctor: Doctor) -> None:
    change(books / "recsat_books/sample/events.csv", "r18,b55,read,322,2024-01-01\n", "r18,b55,read,many,2024-01-01\n")
    status, message = doctor("books")["tables"]
    assert (status, message) == (
        "fail",
        "events.csv, row 2: value 'many' is not a number. Write digits with a decimal point, without unit or thousands separator. "
        "Or set data.on_bad_rows to quarantine to go on without the row.",
    )


def test_a_forgotten_entry_point_is_shown_as_the_lines_to_add(books: Path, doctor: Doctor) -> None:
    [points] = books.glob("recsat_books-*/entry_points.txt")
    points.unlink()
    [(name, (status, message))] = doctor("books").items()
    assert (name, status) == ("found", "fail")
    assert "no installed distribution registers a plugin 'books'. There is distribution recsat-books 0.1.0" in message
    assert f"module recsat_books is at {books / 'recsat_books' / '__init__.py'}, but it has no entry point" in message
    assert '[project.entry-points.recsat] books = "recsat_books.domain"' in message
    assert "install it again" in message


def test_a_module_without_any_distribution_is_found_too(books: Path, doctor: Doctor) -> None:
    [info] = books.glob("recsat_books-*")
    shutil.rmtree(info)
    message = doctor("books")["found"][1]
    assert "no distribution of its name" in message
    assert 'books = "recsat_books.domain"' in message


def test_a_distribution_of_one_module_is_told_that_module(books: Path, doctor: Doctor) -> None:
    (books / "recsat_wines.py").write_text("")
    assert 'wines = "recsat_wines"' in doctor("wines")["found"][1]


def test_a_folder_that_was_not_installed_is_told_so(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_plugin("wines", tmp_path)
    assert doctor("wines")["found"][1].endswith(
        "The folder ./recsat-wines is there and not installed. Run: pip install -e ./recsat-wines"
    )


def test_a_misspelt_plugin_name_gets_a_suggestion(books: Path, doctor: Doctor) -> None:
    message = doctor("boks")["found"][1]
    assert "registers a plugin 'boks'. Did you mean 'books'?" in message
    assert "recsat new-plugin boks" in message


def test_two_distributions_of_one_plugin_name_are_both_named(books: Path, doctor: Doctor) -> None:
    info = books / "recsat_other-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recsat-other\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[recsat]\nbooks = recsat_books\n")
    status, message = doctor("books")["hooks"]
    assert status == "fail"
    assert "The plugin name 'books' is given by" in message
    assert (
        "Uninstall one of recsat-other, recsat-books" in message
        or "Uninstall one of recsat-books, recsat-other" in message
    )


class Table(BaseModel):
    path: str | None = None
    separator: str = ","


class Settings(BaseModel):
    layout: str = "tables"
    items: Table = Table()


def test_of_sections_the_settings_that_somebody_made_are_said() -> None:
    assert list(_plain(Settings())) == [("layout", "tables")]
    changed = Settings(items=Table(separator=";"))
    assert list(_plain(changed)) == [("layout", "tables"), ("items.separator", ";")]


def test_what_a_plugin_adds_to_every_domain_is_tried_on_the_domain_of_the_run(
    books: Path, doctor: Doctor, install: Callable[..., Path]
) -> None:
    install("compliance")
    checks = doctor("compliance", "--set", "domain=books")
    assert {status for status, _ in checks.values()} == {"ok"}
    assert checks["settings"][1].startswith("domain books")
    assert "TableSettings" not in checks["settings"][1]
    assert checks["filters"][1].startswith("compliance.withdrawn;")
    assert checks["metrics"][1].startswith("compliance.withdrawn_shown;")


def test_an_encoder_is_made_and_asked_to_read(doctor: Doctor, install: Callable[..., Path]) -> None:
    site = install("letters")
    assert doctor("letters")["encoder"] == ("ok", doctor("letters")["encoder"][1])
    assert "letters.letters, 26 dimensions" in doctor("letters")["encoder"][1]
    change(
        site / "recsat_letters.py",
        "return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)",
        "return vectors",
    )
    del sys.modules["recsat_letters"]
    status, message = doctor("letters")["encoder"]
    assert status == "fail"
    assert "length 1: mend the encoder" in message
