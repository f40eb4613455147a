"""Each file of a finished run, damaged in several ways: every command that reads it gives its right answer or names it, and never breaks."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from recsat import RunConfig, RunError
from recsat.cli import app
from recsat.cli.exit_codes import ExitCode
from recsat.errors import RecsatError
from recsat.plugins import load_plugins
from recsat.result.model import Result as RunResultFile
from recsat.run import RunFolder, execute, open_run
from recsat.stages import PIPELINE
from recsat.stages.model.files import ModelFiles


def other_shape(path: Path) -> bytes:
    """A whole file of the same kind that says something else."""
    if path.suffix == ".json":
        return b'[{"name": "else", "why": [1]}, "more"]'
    if path.suffix == ".parquet":
        buffer = io.BytesIO()
        pl.DataFrame({"other": [1.5, None]}).write_parquet(buffer)
        return buffer.getvalue()
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        return save({"other": np.ones((2, 3), np.float16)})
    return b"something else\n"


DAMAGES: Mapping[str, Callable[[Path], bytes]] = {
    "truncated": lambda path: path.read_bytes()[: path.stat().st_size // 2],
    "emptied": lambda path: b"",
    "of another shape": other_shape,
    "of foreign bytes": lambda path: bytes(range(256)) * 8,
    "with one bit flipped": lambda path: path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]),
}
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "report": ("report", "RUN"),
    "show": ("runs", "show", "RUN"),
    "compare": ("compare", "RUN", "OTHER", "--json"),
    "aa": ("aa", "RUN", "--n", "20"),
    "recommend": ("recommend", "2", "--run", "RUN", "-k", "3"),
    "why": ("why", "2", "1", "--run", "RUN"),
    "resume": ("run", "--resume", "RUN"),
}


class Place:
    """A home with a finished run and a copy of it, and a way to put a damaged file right again."""

    def __init__(self, finished: Path, home: Path) -> None:
        self.run, self.other = home / "runs" / "one", home / "runs" / "two"
        for folder in (self.run, self.other):
            shutil.copytree(finished, folder)
        self.home = home

    def invoke(self, name: str) -> Result:
        places = {"RUN": str(self.run), "OTHER": str(self.other)}
        words = [places.get(word, word) for word in COMMANDS[name]]
        return CliRunner().invoke(app, words, env={"COLUMNS": "300", "RECSAT_HOME": str(self.home)})


@pytest.fixture(scope="module")
def place(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(finished_run, tmp_path_factory.mktemp("damaged"))


def reads_of(place: Place, command: str) -> tuple[str, set[str]]:
    names: set[str] = set()
    existing, checked = RunFolder._existing, ModelFiles.checked
    with pytest.MonkeyPatch.context() as patch:

        def spied(folder: RunFolder, name: str) -> Path:
            if folder.path == place.run:
                names.add(name)
            return existing(folder, name)

        def spied_model(files: ModelFiles, name: str) -> Path:
            names.add(f"model/{name}")
            return checked(files, name)

        patch.setattr(RunFolder, "_existing", spied)
        patch.setattr(ModelFiles, "checked", spied_model)
        done = place.invoke(command)
    assert done.exit_code == 0, done.output
    return done.stdout, names


def damaged(path: Path) -> Iterator[str]:
    """Damages the file in each way in turn, and puts it right again in the end."""
    whole = path.read_bytes()
    try:
        for name, damage in DAMAGES.items():
            path.write_bytes(whole)
            path.write_bytes(damage(path))
            yield name
        path.unlink()
        yield "missing"
    finally:
        path.write_bytes(whole)


def readers(folder: RunFolder, name: str) -> Callable[[], object]:
    """What reads the file ``name`` of a run."""
    special: Mapping[str, Callable[[], object]] = {
        "config.json": folder.config,
        "stages.json": folder.costs,
        "result.json": lambda: folder.read_as("result.json", RunResultFile),
    }
    by_suffix: Mapping[str, Callable[[], object]] = {
        ".json": lambda: folder.read_json(name),
        ".parquet": lambda: folder.read_table(name),
        ".safetensors": lambda: folder.read_arrays(name),
    }
    return special.get(name) or by_suffix[Path(name).suffix]


def test_what_a_stage_wrote_is_read_again_only_as_it_was(place: Place) -> None:
    recorded = [name for record in RunFolder(place.run)._records() for name in record.files]
    assert {"vectors/items.safetensors", "data/items.parquet", "lists/warm.json", "evaluated.json"} <= set(recorded)
    for name in [*recorded, "config.json", "stages.json", "result.json"]:
        read = readers(RunFolder(place.run), name)
        read()
        for damage in damaged(place.run / name):
            if damage == "missing" and name == "stages.json":
                continue  # a run before its first stage has none
            if damage == "with one bit flipped" and name not in recorded:
                continue  # of these nothing says what they were
            with pytest.raises(RunError, match=r"is missing|is not what|cannot be read") as refusal:
                read()
            assert name in str(refusal.value), damage
            assert "\n" not in str(refusal.value), damage
        read()


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_a_damaged_file_or_gives_its_right_answer(place: Place, command: str) -> None:
    answer, names = reads_of(place, command)
    names |= {"config.json", "stages.json"}
    if any(name.startswith("model/") for name in names):
        names |= {
            f"model/{path.relative_to(place.run / 'model')}"
            for path in (place.run / "model").rglob("*")
            if path.is_file()
        }
    n_refused = 0
    for at, name in enumerate(sorted(name for name in names if not any(f"draw-{n}" in name for n in (3, 4, 5)))):
        for number, damage in enumerate(damaged(place.run / name)):
            if command == "compare" and (at + number) % 3:
                continue  # each of its many files in two ways
            if (name, damage) == ("stages.json", "missing") and command in ("resume", "show"):
                continue  # then no stage has finished: everything is done once more, and no cost is shown
            done = place.invoke(command)
            what = f"{command}, {name} {damage}: {done.output}"
            assert done.exception is None or isinstance(done.exception, SystemExit | RecsatError), what
            if done.exit_code == ExitCode.OK:
                assert done.stdout == answer, what
                continue
            n_refused += 1
            assert done.exit_code == ExitCode.REFUSED, what
            of_arm = f"{(place.run / name).parent} is damaged: its files are not those of its SHA256SUMS"
            assert Path(name).name in done.stderr or of_arm in done.stderr, what
            assert done.stderr.startswith("Error: "), what
    assert n_refused
    assert place.invoke(command).stdout == answer


def test_settings_edited_after_a_stage_stop_a_resumed_run(small_run_config: RunConfig, tmp_path: Path) -> None:
    config = small_run_config.model_copy(update={"home": str(tmp_path), "splits": small_run_config.splits[:1]})
    plugins = load_plugins(["content"])
    run = open_run(execute(config, plugins, stages=PIPELINE[:1]))
    path, stages = run.path / "config.json", run.path / "stages.json"
    path.write_text(path.read_text().replace(f'"seed": {config.seed}', f'"seed": {config.seed + 1}'))
    with pytest.raises(
        RunError, match=r"config\.json is not what the run wrote: its content is another\. Bring it back"
    ):
        execute(config, plugins, stages=PIPELINE, resume=run.path)
    records = json.loads(stages.read_text())
    for record in records:
        del record["files"]["config.json"]
    stages.write_text(json.dumps(records))  # as earlier versions wrote it
    run.check_config()


def test_vectors_in_another_order_stop_a_resumed_run(small_run_config: RunConfig, tmp_path: Path) -> None:
    config = small_run_config.model_copy(update={"home": str(tmp_path), "splits": small_run_config.splits[:1]})
    plugins = load_plugins(["content"])
    run = open_run(execute(config, plugins, stages=PIPELINE[:3]))
    vectors = run.read_arrays("vectors/items.safetensors")
    run.write_arrays("vectors/items.safetensors", {name: one[::-1] for name, one in vectors.items()})
    with pytest.raises(
        RunError, match=r"vectors/items\.safetensors is not what stage embed wrote: its content is another"
    ):
        execute(config, plugins, stages=PIPELINE, resume=run.path)
