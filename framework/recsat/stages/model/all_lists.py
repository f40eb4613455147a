"""Lists for everybody, block by block into one file; what a killed process has finished is not made again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from filelock import FileLock, Timeout

from recsat.atomic import replacing, write_text
from recsat.errors import ConfigError
from recsat.stages.model.loaded import Model

USERS_A_BLOCK: Final = 2_048
"""So many lists of ten are a file of some hundred KiB, and lost by a kill at most."""
REQUEST: Final = "request.json"


def write_all_lists(
    model: Model,
    target: Path,
    *,
    k: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    kinds: Sequence[str] = (),
    users_a_block: int = USERS_A_BLOCK,
    advance: Callable[[int], None] = lambda n_users: None,
) -> int:
    """Writes the lists of :meth:`Model.recommend` for everybody whom ``model`` knows to the parquet file ``target``, and returns how many rows.

    Blocks lie in a folder beside the file, ``<name>.blocks``, until all are there. The same call after a kill makes only what is
    missing, and the file is the one of an undisturbed call; another model or request begins anew. ``advance`` is called with the
    number of further users. Raises ConfigError while another process writes the same file.
    """
    ids = model.histories.ids
    blocks = target.with_name(f"{target.name}.blocks")
    blocks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(blocks / "lock", timeout=0):
            request = {
                "model": model.fingerprint,
                "n_later_events": 0 if model.later is None else model.later.height,
                "k": k,
                "include": list(include),
                "exclude": list(exclude),
                "kinds": list(kinds),
                "users_a_block": users_a_block,
            }
            _begin(blocks, request)
            parts = []
            for start in range(0, len(ids), users_a_block):
                part = blocks / f"{start:012d}.parquet"
                users = ids.slice(start, users_a_block).to_list()
                if not part.exists():
                    with replacing(part) as draft:
                        model.recommend(users, k, include, exclude, kinds).write_parquet(draft)
                parts.append(part)
                advance(len(users))
            n_rows = _joined(parts, target, model)
    except Timeout as error:
        raise ConfigError(f"another process writes {target}. Wait for it, or choose another file.") from error
    shutil.rmtree(blocks)
    return n_rows


def _begin(blocks: Path, request: dict[str, Any]) -> None:
    """Takes away the blocks of another request."""
    text = json.dumps(request, sort_keys=True)
    path = blocks / REQUEST
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    for part in blocks.glob("*.parquet"):
        part.unlink()
    write_text(path, text)


def _joined(parts: list[Path], target: Path, model: Model) -> int:
    with replacing(target) as draft:
        if parts:
            pl.scan_parquet(parts, glob=False).sink_parquet(draft, maintain_order=True)
        else:
            model.recommend([]).write_parquet(draft)
        return int(pl.scan_parquet(draft, glob=False).select(pl.len()).collect().item())
