"""Bytes that atheris grows, for every reader of files from outside: whatever they are, they are read or refused in a line.

``python tests/fuzz/readers.py --seconds 180`` runs it, with the group ``fuzz`` installed; a find is a file ``crash-…`` beside the corpus, and
``python tests/fuzz/readers.py FILE`` tries it again. Without atheris ``one_input`` is a function like any other.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

SECONDS = 180
MOST_LINES = 30
TEXT = b"user_id,item_id,event,value,timestamp\nu,a,rating,5,2024-01-02\nv,b,view,,1704067200\n"
LINES = b'{"user_id":"u","item_id":"a","value":5,"tags":["x"]}\n{"user_id":"v","item_id":"b","value":null,"tags":[]}\n'
SETTINGS = b"domain: content\narms: [ease]\nrank: {k: 5}\ndomain_config:\n  folder: data\n  tables: {items: {separator: ';'}}\n"


def parquet() -> bytes:
    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "value": [5.0, None]}).write_parquet(buffer)
    return buffer.getvalue()


def packed(text: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("events.csv", text)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """A sound input for each reader: its number, then the file."""
    files = [TEXT, TEXT.replace(b",", b";"), LINES, b"[" + LINES.strip().replace(b"\n", b",") + b"]", parquet()]
    files += [gzip.compress(TEXT), packed(TEXT), SETTINGS, b"seed = 3\n[rank]\nk = 5\n", TEXT.decode().encode("utf-16")]
    return {SUFFIXES[i]: bytes([i]) + content for i, content in enumerate(files)}


SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".csv.gz", ".csv.zip", ".yaml", ".toml", ".txt")


def one_input(data: bytes) -> str:
    """``read``, or what is said of a refusal; anything raised but a RecsatError is a find."""
    from recsat.config.sources import load_config
    from recsat.config.tables import TableSettings
    from recsat.data.columns import Column
    from recsat.data.reading import read_table
    from recsat.errors import RecsatError

    suffix = SUFFIXES[data[0] % len(SUFFIXES)] if data else ".csv"
    columns = {
        "user_id": Column(),
        "item_id": Column(required=False),
        "value": Column(kind="number", required=False),
        "timestamp": Column(kind="time", required=False),
        "tags": Column(kind="list", required=False),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"events{suffix}")
        path.write_bytes(data[1:])
        try:
            if suffix in (".yaml", ".toml"):
                load_config(path, {})
            else:
                table, faults = read_table(path, columns, TableSettings(max_unpacked_gib=0.05), [])
                assert str(table.schema["user_id"]) == "String"
                assert not faults["reason"].null_count()
        except RecsatError as error:
            message = str(error)
            assert message.strip(), "a refusal says why"
            assert len(message.splitlines()) <= MOST_LINES, message
            return message
    return "read"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args(arguments)
    for file in options.files:
        sys.stdout.write(f"{file}: {one_input(file.read_bytes())}\n")
    if not options.files:
        with corpus(options.corpus) as place:
            fuzz(place, options.seconds)


@contextlib.contextmanager
def corpus(place: Path | None) -> Iterator[Path]:
    """A folder with the seeds in it, a temporary one where none is named."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) if place is None else place
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in seeds().items():
            (folder / f"seed{suffix}").write_bytes(content)
        yield folder


def fuzz(place: Path, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["recsat.config", "recsat.data", "ruamel.yaml"]):
        one_input(b"\0")

    def test_one_input(data: bytes) -> None:
        one_input(data)

    flags = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=20",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={place}/",
    ]
    atheris.Setup([sys.argv[0], str(place), *flags], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
