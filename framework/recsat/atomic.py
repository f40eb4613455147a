"""Files that are whole or not there: after a crash a reader finds the old content or the new, and what was written stays.

The content is written beside its place and brought to the disk (fsync), takes its place in one step (rename), and then the
folder's entry is brought to the disk as well: without the last step a power cut may undo a rename that a program has seen.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recsat.errors import DiskFull, NotWritable, RecsatError, says_no_room


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write a file to; it takes the place of ``path`` where the block ends without an error.

    The folder is made where it is missing. Two writers of one path do not meet: the last one to finish stays.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "numbers.txt"
    ...     with replacing(path) as draft:
    ...         _ = draft.write_text("1 2 3")
    ...     path.read_text()
    '1 2 3'
    """
    draft = _beside(path)
    try:
        make_folder(path.parent)
        yield draft
        sync_file(draft)
        os.replace(draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        _explain(path, error)
        raise
    sync_folder(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path`` to fill; it takes the place of ``path`` where the block ends without an error.

    Its files are on the disk before it has its name. No system swaps two folders in one step, so a kill between the two
    renames leaves no folder of the name, never one that is half of each.
    """
    draft, old = _beside(path), _beside(path)
    try:
        make_folder(path.parent)
        draft.mkdir()
        yield draft
        _sync_tree(draft)
        if path.exists():
            os.replace(path, old)
        os.replace(draft, path)
    except BaseException as error:
        if os.path.exists(old) and not os.path.exists(path):
            os.replace(old, path)
        shutil.rmtree(draft, ignore_errors=True)
        _explain(path, error)
        raise
    sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path`` to fill; it gets the name ``path`` where the block ends without an error.

    Raises FileExistsError where the name is in use by then: of several writers exactly one gets it, and nobody sees a folder that is
    half full.
    """
    draft = _beside(path)
    try:
        make_folder(path.parent)
        draft.mkdir()
        yield draft
        _sync_tree(draft)
        try:
            os.rename(draft, path)
        except OSError as error:
            if path.exists():
                raise FileExistsError(str(path)) from error
            raise
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        _explain(path, error)
        raise
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it that are missing; each one's name is on the disk when the call returns."""
    missing = [folder for folder in (path, *path.parents) if not os.path.exists(folder)]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file by ``content`` in one step."""
    with replacing(path) as draft:
        draft.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replaces the file by ``text``, as UTF-8 with the line ends that it has, in one step."""
    write_bytes(path, text.encode("utf-8"))


def sync_file(path: Path) -> None:
    """Returns when the content of a closed file is on the disk."""
    with path.open("rb+") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Returns when the names in a folder are on the disk; does nothing where the system does that by itself."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sync_tree(folder: Path) -> None:
    for inner in folder.rglob("*"):
        sync_folder(inner) if inner.is_dir() else sync_file(inner)
    sync_folder(folder)


_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR)


def _explain(path: Path, error: BaseException) -> None:
    """Raises DiskFull or NotWritable, with the cause, where there was no room for ``path``, or it may or can not be written."""
    in_the_way = next((folder for folder in path.parents if os.path.isfile(folder)), None)
    is_here = isinstance(error, OSError) and str(error.filename or path.parent).startswith(str(path.parent))
    if isinstance(error, OSError) and ((is_here and error.errno in _REFUSALS) or in_the_way is not None):
        reason = f"{in_the_way} is a file" if in_the_way is not None else (error.strerror or str(error))
        raise NotWritable(
            f"{path} cannot be written: {reason}. Give this user the right to write there, or name another folder in the settings."
        ) from error
    if says_no_room(error) and not isinstance(error, RecsatError):
        raise DiskFull(
            f"{path}: there is no room to write it ({error}). What was there is as it was: free some space, or raise the limit, and go on with the same run."
        ) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
