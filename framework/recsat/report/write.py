"""Writes a result to a run folder: the page, the Markdown, the JSON."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import Result

PAGE, MARKDOWN, JSON = "report.html", "report.md", "result.json"


def write_report(result: Result, folder: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``result.json`` into ``folder`` and return the path of the page.

    Everything is rendered before anything is written, and each file replaces an older one in one step: a reader sees the
    old or the new, never half of one. The folder is made where it is missing.
    """
    texts = {
        JSON: result.model_dump_json(indent=2) + "\n",
        MARKDOWN: render_markdown(result),
        PAGE: render_page(result),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        _replace(folder / name, text)
    return folder / PAGE


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a private file; a report is for everybody whom the folder lets in.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
