"""Writes a result to a run folder: the page, the Markdown, the JSON."""

from __future__ import annotations

from pathlib import Path

from recsat.atomic import write_text
from recsat.config.settings import Language
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import Result

PAGE, MARKDOWN, JSON = "report.html", "report.md", "result.json"


def write_report(result: Result, folder: Path, language: Language | None = None) -> Path:
    """Write ``report.html``, ``report.md`` and ``result.json`` into ``folder`` and return the path of the page.

    The words are in ``language`` (None: as the run was configured); ``result.json`` has none of them.

    Everything is rendered before anything is written, and each file replaces an older one in one step: a reader sees the
    old or the new, never half of one. The folder is made where it is missing.
    """
    texts = {
        JSON: result.model_dump_json(indent=2) + "\n",
        MARKDOWN: render_markdown(result, language),
        PAGE: render_page(result, language),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return folder / PAGE
