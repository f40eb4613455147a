"""The file of one encoder's cached vectors. Light: no torch.

``<cache_dir>/vectors/<encoder>/<number>.sqlite`` has a row for each text: its key (32 bytes), its vector (float32) and a CRC-32
of both. The index over the keys finds one text among any number at the same cost, and SQLite's locks and rollback journal let
any number of processes share the file: a write that returned survives a kill and a power cut, another one leaves no trace.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsat.errors import EncoderError

logger = logging.getLogger(__name__)

_KEY = np.dtype("S32")
_SECONDS_TO_WAIT = 120.0
"""For another process's write, which takes about a second."""
_A_QUERY = 500
"""Keys in one query; SQLite of before 2020 takes 999 at most."""
_SCAN_SHARE = 6
"""A row that is read in passing costs this many times less than one that is looked up."""
_LAYOUT = """
    pragma page_size = 32768; -- several vectors a page, or much of it stays empty
    pragma synchronous = extra; -- a commit that returned survives a power cut
    create table if not exists vectors (key blob not null unique, vector blob not null, crc integer not null);
"""


_Row = tuple[int, bytes, bytes, int]
"""(rowid, key, vector, crc)."""


class _Damaged(EncoderError):
    """SQLite cannot read the file any more; it was set aside, and the next to open gets a new one."""


def encoder_folder(cache_dir: Path, fingerprint: str) -> Path:
    """The folder of one encoder's vectors, made where it is missing."""
    folder = cache_dir / "vectors" / hashlib.sha256(fingerprint.encode()).hexdigest()[:32]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EncoderError(
            f"cache_dir {cache_dir}: cannot be written ({error}). Set cache_dir to another folder."
        ) from error
    return folder


def text_keys(fingerprint: str, texts: list[str]) -> NDArray[np.bytes_]:
    """sha256(fingerprint, 0, text) of every text, as an array of 32-byte strings."""
    base = hashlib.sha256(fingerprint.encode() + b"\0")

    def key(text: str) -> bytes:
        digest = base.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    return np.frombuffer(b"".join(map(key, texts)), dtype=_KEY)


def write_vectors(folder: Path, keys: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> None:
    """Stores vectors under their keys; a key that is stored already keeps the vector that it has.

    They survive a kill and a power cut once this returns. Raises EncoderError where the file cannot be written.
    """
    content, width = np.ascontiguousarray(vectors).tobytes(), 4 * vectors.shape[1]
    cells = [content[start : start + width] for start in range(0, len(content), width)]
    rows = [(key, cell, _crc(key, cell)) for key, cell in zip(_as_bytes(keys), cells, strict=True)]
    try:
        _insert(folder, rows)
    except _Damaged:
        _insert(folder, rows)


def read_vectors(folder: Path, keys: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Fills the rows of ``vectors`` whose key is stored; returns which rows those are. ``keys`` must be distinct.

    It costs what the keys cost, however much is stored. A row whose content is not what was written is taken out, and a file
    that SQLite cannot read is set aside as ``*.corrupt``, both with a warning: such texts count as never embedded. Raises
    EncoderError where the file cannot be read for another reason.
    """
    stored = np.zeros(len(keys), dtype=np.bool_)
    order = np.argsort(keys)
    ordered = keys[order]
    damaged: set[int] = set()
    try:
        with _open(folder) as file:
            for rows in _rows(file, keys):
                whole = [row for row in rows if _is_whole(row, 4 * vectors.shape[1])]
                damaged |= {row[0] for row in rows}.difference(row[0] for row in whole)
                row_keys = np.frombuffer(b"".join(row[1] for row in whole), dtype=_KEY)
                values = np.frombuffer(b"".join(row[2] for row in whole), dtype=np.float32)
                at = np.minimum(np.searchsorted(ordered, row_keys), len(ordered) - 1)
                is_key = ordered[at] == row_keys
                places = order[at[is_key]]
                vectors[places] = values.reshape(len(whole), vectors.shape[1])[is_key]
                stored[places] = True
            if damaged:
                logger.warning("%s: %d vectors are damaged; their texts are embedded again", folder, len(damaged))
                with _writing(file):
                    file.executemany("delete from vectors where rowid = ?", [(rowid,) for rowid in damaged])
    except _Damaged:
        stored[:] = False
    return stored


def _insert(folder: Path, rows: list[tuple[bytes, bytes, int]]) -> None:
    with _open(folder) as file, _writing(file):
        file.executemany("insert or ignore into vectors values (?, ?, ?)", rows)


def _rows(file: sqlite3.Connection, keys: NDArray[np.bytes_]) -> Iterator[list[_Row]]:
    """At least the rows of ``keys``; all rows where ``keys`` are most of them."""
    columns = "select rowid, key, vector, crc from vectors"
    n_stored = file.execute("select max(rowid) from vectors").fetchone()[0] or 0
    if n_stored < _SCAN_SHARE * len(keys):
        cursor = file.execute(columns)
        while rows := cursor.fetchmany(_A_QUERY):
            yield rows
        return
    key_bytes = _as_bytes(keys)
    for start in range(0, len(key_bytes), _A_QUERY):
        part = key_bytes[start : start + _A_QUERY]
        yield file.execute(f"{columns} where key in ({','.join('?' * len(part))})", part).fetchall()


@contextmanager
def _open(folder: Path) -> Iterator[sqlite3.Connection]:
    path = _newest(folder)
    if not path.exists() and any(folder.glob("*.safetensors")):
        logger.warning("%s/*.safetensors are of an earlier version and not read; delete them", folder)
    try:
        file = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT, isolation_level=None)
        file.text_factory = bytes
        try:
            file.executescript(_LAYOUT)
            yield file
        finally:
            file.close()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            _set_aside(path, error)
            raise _Damaged(f"{path} is corrupt ({error}). Delete its folder.") from error
        raise EncoderError(
            f"{path}: cannot be read or written ({error}). Free some space, or set cache_dir elsewhere."
        ) from error


def _set_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    logger.warning("%s is corrupt (%s); it is set aside and its texts are embedded again", path, error)
    try:
        path.replace(path.with_suffix(".corrupt"))
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as fault:
        raise EncoderError(f"{path} is corrupt ({error}) and cannot be set aside ({fault}). Delete it.") from fault


@contextmanager
def _writing(file: sqlite3.Connection) -> Iterator[None]:
    """One transaction, the only one that writes: waiting for the lock at its start cannot end in a deadlock."""
    file.execute("begin immediate")
    with file:
        yield


def _newest(folder: Path) -> Path:
    """The file in use. Its number is never used again once it is set aside.

    Another process may still have the old file open, and its journal goes by the name of the file.
    """
    last = max((int(path.stem) for path in folder.iterdir() if path.stem.isdecimal()), default=0)
    return folder / f"{last + (folder / f'{last}.corrupt').exists()}.sqlite"


def _as_bytes(keys: NDArray[np.bytes_]) -> list[bytes]:
    """Keys with the zero bytes at their ends, which NumPy's own strings leave out."""
    content, width = keys.tobytes(), _KEY.itemsize
    return [content[start : start + width] for start in range(0, len(content), width)]


def _is_whole(row: _Row, n_bytes: int) -> bool:
    _, key, vector, crc = row
    typed = isinstance(key, bytes) and isinstance(vector, bytes)  # a flipped bit may change a cell's type
    return typed and (len(key), len(vector)) == (_KEY.itemsize, n_bytes) and _crc(key, vector) == crc


def _crc(key: bytes, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(key))
