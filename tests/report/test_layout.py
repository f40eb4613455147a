"""The page as a browser lays it out and its script works. Needs a Chromium; without one there is nothing to look with."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, ClassVar

import pytest

from recsat.config.settings import Language
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
# A frame gives true phone widths: a headless window has a minimum of about 500 px. What a script returns is posted back, so that it may
# wait for fonts and frames however slow the machine is.
FRAME = """<!doctype html><body><iframe id="frame" style="width:1280px;height:900px;border:0" src="/page"></iframe>
<script>
const frame = document.getElementById("frame");
frame.onload = async () => {
  const inside = frame.contentDocument, view = frame.contentWindow, root = inside.documentElement;
  const settled = async () => {
    await inside.fonts.ready;
    for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done));
  };
  let value;
  try { value = await (async () => { SCRIPT })(); } catch (error) { value = String(error); }
  fetch("/value", { method: "POST", body: JSON.stringify(value) });
};
</script></body>"""
MEASURE_WIDTHS = """
  const sizes = [];
  for (const fold of [false, true]) {
    for (const details of inside.querySelectorAll("details")) details.open = fold;
    for (const width of [320, 390, 768, 1280]) {
      frame.style.width = width + "px";
      await settled();
      sizes.push([width, root.clientWidth, root.scrollWidth]);
    }
  }
  return sizes;
"""
MANY_ARMS = [
    (f"{name}-{i}", i % 2 == 0, 0.1 + i / 400, 0.05, 0.1, 0.3 + i / 80)
    for i, name in enumerate(
        [
            "a-name-without-any-place-to-break-it-that-goes-on-and-on-and-on-for-ever",
            "שם ארוך מימין לשמאל \u202eהפוך",
            "<b onclick=alert(1)>bold</b>",
            "=cmd|' /C calc'!A0",
            *["plain"] * 26,
        ]
    )
]


class Answers(BaseHTTPRequestHandler):
    """Serves the frame and the page in it, and keeps what is posted."""

    documents: ClassVar[dict[str, str]] = {}
    values: ClassVar[Queue[str]] = Queue()

    def do_GET(self) -> None:
        body = self.documents.get(self.path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.values.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Callable[[str, str], Any]]:
    """Runs a script on a page in a frame and gives back what the script returns."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    browser = str(CHROMIUM)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()

    def run(page: str, script: str) -> Any:
        Answers.documents = {"/": FRAME.replace("SCRIPT", script), "/page": page}
        Answers.values = Queue()
        address = f"http://127.0.0.1:{server.server_port}/"
        process = subprocess.Popen(
            [browser, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return json.loads(Answers.values.get(timeout=120))
        finally:
            process.terminate()
            process.wait()

    yield run
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_scrolls_sideways_on_no_screen_folded_or_unfolded(
    result: Result, look: Callable[[str, str], Any], language: Language
) -> None:
    sizes = look(render_page(result, language), MEASURE_WIDTHS)
    assert sizes == [[width, width, width] for width in WIDTHS * 2]


def test_neither_does_a_page_of_thirty_arms_with_hostile_names(
    invent: Callable[..., Result], look: Callable[[str, str], Any]
) -> None:
    result = invent(arms=[("popularity", False, 0.15, 0.06, 0.11, 0.6), *MANY_ARMS])
    assert look(render_page(result), MEASURE_WIDTHS) == [[width, width, width] for width in WIDTHS * 2]


def test_tables_of_measures_retrieval_and_filters_fit_their_place_at_1280_px(
    invent: Callable[..., Result], look: Callable[[str, str], Any]
) -> None:
    script = """
      for (const details of inside.querySelectorAll("details")) details.open = true;
      await settled();
      return [...inside.querySelectorAll(".scroll")].map((box) => [box.getAttribute("aria-label"), box.scrollWidth - box.clientWidth]);
    """
    over = {name: width for name, width in look(render_page(invent(hostile=False)), script) if width > 0}
    assert not [
        name for name in over if "number" not in name and "predicts" not in name and " users on " not in name
    ], over


def test_the_answer_fits_the_first_screen(result: Result, look: Callable[[str, str], Any]) -> None:
    script = """
      const bottoms = [];
      for (const [width, height] of [[1280, 800], [390, 844]]) {
        frame.style.width = width + "px";
        await settled();
        const cards = inside.querySelectorAll(".card");
        bottoms.push([cards[cards.length - 1].getBoundingClientRect().bottom <= height,
                      inside.querySelector(".bounds").getBoundingClientRect().top <= height, root.scrollHeight < 4000]);
      }
      return bottoms;
    """
    assert look(render_page(result), script) == [[True, True, True]] * 2


BESIDE = """
  for (const details of inside.querySelectorAll("details")) details.open = true;
  const box = (element) => {
    const text = inside.createRange();
    text.selectNodeContents(element);
    return text.getBoundingClientRect();
  };
  const collisions = { n: 0, together: [], broken: [] };
  for (const width of [320, 390, 768]) {
    frame.style.width = width + "px";
    await settled();
    for (const one of inside.querySelectorAll(".verdict summary")) {
      const [name, outcome] = [box(one.querySelector(".dimension")), box(one.querySelector(".outcome"))];
      if (name.right + 4 > outcome.left && name.bottom > outcome.top && outcome.bottom > name.top) collisions.together.push([width, one.innerText]);
      if (name.height > 2 * parseFloat(view.getComputedStyle(one).fontSize) || outcome.right > width) collisions.broken.push([width, one.innerText]);
      collisions.n++;
    }
    for (const list of inside.querySelectorAll(".dimensions")) {
      const boxes = [...list.children].map((item) => [item.innerText, box(item)]);
      for (const [i, [text, one]] of boxes.entries())
        for (const [other, next] of boxes.slice(i + 1))
          if (one.right + 4 > next.left && one.bottom > next.top + 1) collisions.together.push([width, text, other]);
      collisions.n += boxes.length;
    }
  }
  return collisions;
"""


@pytest.mark.parametrize(("language", "long"), [("en", True), ("zh", True), ("en", False)])
def test_verdicts_do_not_run_together_on_a_narrow_screen(
    result: Result, look: Callable[[str, str], Any], language: Language, *, long: bool
) -> None:
    if long:  # What is not shown stands with what would be missed.
        primary = next(verdict.primary for verdict in result.verdicts if verdict.primary is not None)
        undecided = primary.model_copy(update={"outcome": "not shown"})
        changes = {"outcome": "not shown", "primary": undecided}
        result = result.model_copy(update={"verdicts": [one.model_copy(update=changes) for one in result.verdicts]})
    collisions = look(render_page(result, language), BESIDE)
    assert collisions["n"] >= 3 * 8
    assert (collisions["together"], collisions["broken"]) == ([], [])


SORT = """
  const table = inside.querySelector("#measures table"), heads = [...table.tHead.rows[0].cells];
  const values = (i) => [...table.tBodies[0].rows].map((row) => row.cells[i].dataset.n?.split(" ")[0] ?? row.cells[i].innerText.trim());
  const states = [values(1)];
  for (const [i, times] of [[1, 1], [1, 1], [0, 1]]) {
    for (let n = 0; n < times; n++) heads[i].querySelector("button").click();
    states.push([values(i), heads.map((head) => head.getAttribute("aria-sort"))]);
  }
  return states;
"""


def test_a_click_on_a_heading_sorts_and_says_so(result: Result, look: Callable[[str, str], Any]) -> None:
    before, down, up, names = look(render_page(result), SORT)
    numbers = [float(value) for value in before]
    assert [float(value) for value in down[0]] == sorted(numbers, reverse=True)
    assert down[1] == [None, "descending", *[None] * (len(down[1]) - 2)]
    assert [float(value) for value in up[0]] == sorted(numbers)
    assert up[1][1] == "ascending"
    assert names[1] == ["ascending", *[None] * (len(names[1]) - 1)]
    assert sorted(names[0]) == sorted(set(names[0]))


def test_places_without_a_number_come_last_whichever_way_is_sorted(
    result: Result, look: Callable[[str, str], Any]
) -> None:
    script = """
      for (const details of inside.querySelectorAll("details")) details.open = true;
      const table = [...inside.querySelectorAll("table")].find((one) => one.querySelector("td .none"));
      const at = [...table.querySelector("td .none").closest("tr").cells].findIndex((cell) => cell.querySelector(".none"));
      const head = table.tHead.rows[0].cells[at], places = [];
      for (let n = 0; n < 2; n++) {
        head.querySelector("button").click();
        places.push([...table.tBodies[0].rows].map((row) => row.cells[at].querySelector(".none") !== null));
      }
      return places;
    """
    for places in look(render_page(result), script):
        assert any(places)
        assert places == sorted(places)


CSV = """
  const texts = [];
  view.URL.createObjectURL = (blob) => { texts.push(blob.text()); return "#"; };
  view.HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
  const names = [];
  for (const button of inside.querySelectorAll("button.csv")) button.click();
  return { names, texts: await Promise.all(texts), tables: inside.querySelectorAll("table").length };
"""


def test_every_table_can_be_had_as_csv_in_which_no_text_is_a_formula(
    invent: Callable[..., Result], look: Callable[[str, str], Any]
) -> None:
    result = invent(
        arms=[("popularity", False, 0.15, 0.06, 0.11, 0.6), *MANY_ARMS[:4], ('quo"ted, -1', True, 0.1, 0.1, 0.1, 0.5)]
    )
    files = look(render_page(result), CSV)
    assert len(files["texts"]) == len(files["names"]) == files["tables"] > 10
    assert all(re.fullmatch(r"[\w\u0590-\u05ff-]+\.csv", name) for name in files["names"])
    tables = [list(csv.reader(io.StringIO(text.removeprefix("\ufeff")))) for text in files["texts"]]
    for table in tables:
        assert len({len(row) for row in table}) == 1
        for cell in (cell for row in table for cell in row):
            assert not cell.startswith(("=", "+", "-", "@")) or re.fullmatch(r"-\d+(\.\d+)?(e-?\d+)?", cell), cell
    leading = tables[0]
    assert leading[0][:4] == ["Arm", "nDCG@10 ↑", "nDCG@10 ↑ low", "nDCG@10 ↑ high"]
    names = [row[0] for row in leading]
    assert "'=cmd|' /C calc'!A0-3" in names
    assert 'quo"ted, -1' in names
    assert all(float(row[2]) <= float(row[1]) <= float(row[3]) for row in leading[1:])


def test_a_term_opens_by_key_and_closes_and_a_link_into_a_fold_unfolds_it(
    result: Result, look: Callable[[str, str], Any]
) -> None:
    script = """
      const term = inside.querySelector("button.term"), definition = inside.getElementById(term.getAttribute("popovertarget"));
      const open = () => definition.matches(":popover-open");
      const states = [open()];
      term.focus(); term.click(); states.push(open());
      term.click(); states.push(open());
      inside.querySelector('a[href="#missing"]').click();
      await settled();
      states.push(inside.getElementById("missing").closest("details").open);
      return states;
    """
    assert look(render_page(result), script) == [False, True, False, True]


def test_every_definition_opens_within_the_window(result: Result, look: Callable[[str, str], Any]) -> None:
    script = """
      for (const details of inside.querySelectorAll("details")) details.open = true;
      const outside = [];
      for (const width of [320, 390, 1280]) {
        frame.style.width = width + "px";
        for (const term of inside.querySelectorAll("button.term")) {
          term.scrollIntoView({ block: "center", behavior: "instant" });
          term.click();
          await settled();
          const box = inside.getElementById(term.getAttribute("popovertarget")).getBoundingClientRect();
          if (box.width < 100 || box.left < 0 || box.top < 0 || box.right > width || box.bottom > view.innerHeight)
            outside.push([width, term.textContent, box.left, box.top, box.right, box.bottom]);
          term.click();
        }
      }
      return outside;
    """
    assert look(render_page(result), script) == []
