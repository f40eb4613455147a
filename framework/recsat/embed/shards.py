"""Files of cached vectors. Light: no torch.

``<cache_dir>/vectors/<encoder>/<unique>.safetensors`` holds ``keys`` uint8 (n, 32), ``vectors`` float32 (n, d), and in its
metadata the sha256 of both. A shard is written once, under a name that nobody else uses, and appears whole or not at all;
so processes need no lock: each adds its own shards and reads the union.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from recsat.errors import EncoderError

logger = logging.getLogger(__name__)

_KEY = np.dtype("S32")


def shard_folder(cache_dir: Path, fingerprint: str) -> Path:
    """The folder of one encoder's shards, made where it is missing."""
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


def write_shard(folder: Path, keys: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> Path:
    """Stores vectors under their keys in a shard of its own. It survives a kill and a power cut once this returns."""
    rows = np.frombuffer(np.ascontiguousarray(keys).tobytes(), dtype=np.uint8).reshape(-1, _KEY.itemsize)
    vectors = np.ascontiguousarray(vectors)
    content = save({"keys": rows, "vectors": vectors}, metadata={"sha256": _checksum(rows, vectors)})
    name = uuid.uuid4().hex
    partial, shard = folder / f"{name}.partial", folder / f"{name}.safetensors"
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(shard)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise EncoderError(
            f"{shard}: cannot be written ({error}). Free some space, or set cache_dir elsewhere."
        ) from error
    return shard


def read_into(folder: Path, keys: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Fills the rows of ``vectors`` whose key is stored; returns which rows those are. ``keys`` must be distinct.

    A shard that cannot be read, or whose content is not what was written, is set aside as ``*.corrupt`` with a warning,
    and its texts count as never embedded.
    """
    found = np.zeros(len(keys), dtype=np.bool_)
    order = np.argsort(keys)
    ordered = keys[order]
    for shard in sorted(folder.glob("*.safetensors")):
        if found.all():
            break
        try:
            stored, values = _read_shard(shard, vectors.shape[1])
        except FileNotFoundError:  # set aside by another process since the folder was listed
            continue
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            logger.warning("%s is corrupt (%s); it is set aside and its texts are embedded again", shard, error)
            _set_aside(shard)
            continue
        at = np.minimum(np.searchsorted(ordered, stored), len(ordered) - 1)
        wanted = ordered[at] == stored
        rows = order[at[wanted]]
        vectors[rows] = values[wanted]
        found[rows] = True
    return found


def _read_shard(shard: Path, dimension: int) -> tuple[NDArray[np.bytes_], NDArray[np.float32]]:
    with safe_open(shard, framework="np") as file:
        rows: NDArray[np.uint8] = file.get_tensor("keys")
        vectors: NDArray[np.float32] = file.get_tensor("vectors")
        expected = (file.metadata() or {}).get("sha256")
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != _KEY.itemsize:
        raise ValueError(f"keys are {rows.dtype} {rows.shape}")
    if vectors.dtype != np.float32 or vectors.shape != (len(rows), dimension):
        raise ValueError(f"vectors are {vectors.dtype} {vectors.shape} for {len(rows)} keys and dimension {dimension}")
    if _checksum(rows, vectors) != expected:
        raise ValueError("checksum does not match")
    return np.frombuffer(rows.tobytes(), dtype=_KEY), vectors


def _checksum(rows: NDArray[np.uint8], vectors: NDArray[np.float32]) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(rows).data)
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()


def _set_aside(shard: Path) -> None:
    try:
        shard.replace(shard.with_suffix(".corrupt"))
    except OSError as error:
        logger.warning("%s cannot be set aside (%s)", shard, error)
