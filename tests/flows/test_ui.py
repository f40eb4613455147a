"""The UI as an operator uses it: opens a deployment, fills its form, sends it off, reads the report. Needs a Chromium.

With RECSAT_REWRITE_DOCS=1 the pictures of docs/assets are taken anew; look at them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prefect_processes import SMALL_RUN, posted

from recsat.stages.promotion.record import PromotionPlace

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
PICTURES = Path(__file__).parents[2] / "docs" / "assets"
COMMAND = [
    *(sys.executable, "-c"),
    "import typer; from recsat_flows.up import up; app = typer.Typer(); app.command()(up); app()",
    *("--domain", "social"),
]
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SECONDS = 1000
"""Playwright counts in milliseconds."""
RUN_ENDS = 900
"""Seconds. A whole run takes a minute; on a machine that is busy with other things it may take many."""


def free_port() -> int:
    """One that nothing listens on, and nothing on the one above it either."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Of a running ``recsat up``."""
    log, port = home / "up.log", free_port()
    command = [*COMMAND, "--home", str(home), "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ)
    try:
        deadline = time.monotonic() + 180
        while "ctrl-C" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30 * SECONDS)
        yield page
        browser.close()


def picture(page: Page, name: str) -> None:
    if os.environ.get("RECSAT_REWRITE_DOCS"):
        page.wait_for_timeout(SECONDS)
        page.screenshot(path=PICTURES / f"{name}.png")


def submitted(page: Page, button: Locator, route: str) -> None:
    """As an operator does it: once more where the server answers 503, which on SQLite it does while a run writes; nothing was kept then."""
    for _ in range(20):
        with page.expect_response(lambda answer: answer.url.endswith(route), timeout=120 * SECONDS) as answer:
            button.click()
        if answer.value.status != httpx.codes.SERVICE_UNAVAILABLE:
            break
    assert answer.value.ok, answer.value.text()
    button.wait_for(state="detached")


def opened_run(page: Page, address: str, name: str, state: str) -> None:
    """The page of the run whose name begins so, opened when it is in ``state``: a page that draws a run while it goes takes from it half a core."""
    page.goto("about:blank")
    deadline = time.monotonic() + RUN_ENDS
    while True:
        runs = posted(f"{address}/api/flow_runs/filter", {}).json()
        now = {one["state_type"] for one in runs if one["name"].startswith(name)}
        if state in now:
            break
        assert not now & ENDS, now
        assert time.monotonic() < deadline, now
        time.sleep(1)
    page.goto(f"{address}/runs")
    page.get_by_role("link", name=re.compile(f"{name}20")).first.click()
    page.get_by_text(state.capitalize(), exact=True).first.wait_for()


@pytest.mark.server
@pytest.mark.slow
def test_an_operator_fills_the_form_and_reads_the_report(page: Page, address: str) -> None:
    page.goto(f"{address}/deployments")
    row = page.get_by_role("row").filter(has_text=re.compile(r"pipeline(?!-)"))
    row.wait_for()
    picture(page, "ui-deployments")
    row.get_by_role("link", name="social").first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_text("What to run. Every field has a default").wait_for()
    page.get_by_role("button", name="full", exact=True).press("Space")
    page.locator(".p-select-option").filter(has_text="quick").click()
    page.locator("input[type=number]").first.fill("5")
    picture(page, "ui-form")
    submitted(page, page.get_by_role("button", name="Submit"), "create_flow_run")
    opened_run(page, address, "social · pipeline · ", "COMPLETED")
    assert page.get_by_text(re.compile(r"social · pipeline · 20\d\d-")).first.is_visible()
    picture(page, "ui-run")
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text("recsat-social-social").first.click()
    link = page.get_by_role("link", name="The whole report")
    link.wait_for()
    picture(page, "ui-report")
    report = httpx.get(str(link.get_attribute("href")), timeout=30)
    assert report.text.startswith("<!doctype html>")
    runs = posted(f"{address}/api/flow_runs/filter", {}).json()
    [run] = [one for one in runs if one["name"].startswith("social · pipeline · 20")]
    assert run["parameters"]["config"] | {"effort": "quick", "k": 5} == run["parameters"]["config"]


def finished_run(address: str, **parameters: Any) -> None:
    """A small run of the pipeline, started over REST, that is over when this returns."""
    api = f"{address}/api"
    deployment = httpx.get(f"{api}/deployments/name/pipeline-expert/social", timeout=30).json()["id"]
    form = {"config": {**SMALL_RUN, **parameters.pop("config")}, **parameters}
    answer = posted(f"{api}/deployments/{deployment}/create_flow_run", {"parameters": form})
    deadline = time.monotonic() + 480
    while (state := httpx.get(f"{api}/flow_runs/{answer.json()['id']}", timeout=30).json()["state_type"]) not in ENDS:
        assert time.monotonic() < deadline, state
        time.sleep(1)
    assert state == "COMPLETED"


@pytest.mark.server
@pytest.mark.slow
def test_an_operator_answers_what_the_evidence_does_not(page: Page, address: str, home: Path) -> None:
    finished_run(address, config={"rank": {"k": 5}})
    finished_run(address, config={"rank": {"k": 4}}, promote="no")
    page.goto(f"{address}/deployments")
    row = page.get_by_role("row").filter(has_text="promote")
    row.get_by_role("link", name="social").first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_role("button", name="as in the run", exact=True).press("Space")
    page.locator(".p-select-option").filter(has_text="better").click()
    submitted(page, page.get_by_role("button", name="Submit"), "create_flow_run")
    opened_run(page, address, "social · promote · ", "PAUSED")
    page.get_by_role("button", name="Resume").first.click()
    page.get_by_text("The evidence refuses the model of run").wait_for()
    form = page.locator(".p-modal__card")
    form.get_by_role("button", name="keep what is served", exact=True).press("Space")
    page.locator(".p-select-option").filter(has_text=re.compile("^publish$")).click()
    form.locator("textarea").fill("Lists of four fit the new page.")
    picture(page, "ui-gate")
    submitted(page, form.get_by_role("button", name="Submit"), "resume")
    page.get_by_text("Completed", exact=True).first.wait_for(timeout=RUN_ENDS * SECONDS)
    decision = PromotionPlace.of(home, "social").history()[-1]
    assert (decision.action, decision.why) == ("promoted", "published by hand: Lists of four fit the new page.")
