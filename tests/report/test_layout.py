"""The page as a browser lays it out. Needs a Chromium; without one there is nothing to look with."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from recsat.report.page import render_page
from recsat.result.model import Result

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--window-size=1400,900"),
)
WIDTHS = (320, 390, 768, 1280)
# Frames give true phone widths: a headless window has a minimum of about 500 px.
FRAME = """<!doctype html><body><iframe id="frame" style="width:1280px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>
const frame = document.getElementById("frame");
frame.onload = () => {{
  const inside = frame.contentDocument, root = inside.documentElement, found = [];
  for (const fold of [false, true]) {{
    for (const details of inside.querySelectorAll("details")) details.open = fold;
    for (const width of {widths}) {{
      frame.style.width = width + "px";
      found.push([width, root.clientWidth, root.scrollWidth]);
    }}
  }}
  frame.remove();
  document.body.dataset.found = JSON.stringify(found);
}};
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_scrolls_sideways_on_no_screen_folded_or_unfolded(result: Result, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    outer = tmp_path / "frame.html"
    outer.write_text(FRAME.format(page=html.escape(render_page(result)), widths=list(WIDTHS)), encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *QUIET, profile, "--dump-dom", outer.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    match = re.search(r'data-found="([^"]+)"', done.stdout)
    assert match is not None, done.stderr[-2000:]
    assert json.loads(match[1]) == [[width, width, width] for width in WIDTHS * 2]
