"""The UI as an operator uses it: opens a deployment, fills its form, sends it off, reads the report. Needs a Chromium.

With RECSAT_REWRITE_DOCS=1 the pictures of docs/assets are taken anew; look at them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
PICTURES = Path(__file__).parents[2] / "docs" / "assets"
PORT = 4461
COMMAND = [
    *(sys.executable, "-c"),
    "import typer; from recsat_flows.up import up; app = typer.Typer(); app.command()(up); app()",
    *("--domain", "social", "--port", str(PORT)),
]
SECONDS = 1000
"""Playwright counts in milliseconds."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a running ``recsat up``."""
    log = tmp_path / "up.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "--home", str(tmp_path)], stdout=file, stderr=subprocess.STDOUT, env=os.environ
        )
    try:
        deadline = time.monotonic() + 180
        while "ctrl-C" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield f"http://127.0.0.1:{PORT}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30 * SECONDS)
        yield page
        browser.close()


def picture(page: Page, name: str) -> None:
    if os.environ.get("RECSAT_REWRITE_DOCS"):
        page.wait_for_timeout(SECONDS)
        page.screenshot(path=PICTURES / f"{name}.png")


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
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Submit").wait_for(state="detached")
    page.goto(f"{address}/runs")
    page.get_by_role("link", name=re.compile(r"social · pipeline · 20\d\d-")).first.click(timeout=120 * SECONDS)
    page.get_by_text("Completed", exact=True).first.wait_for(timeout=240 * SECONDS)
    assert page.get_by_text(re.compile(r"social · pipeline · 20\d\d-")).first.is_visible()
    picture(page, "ui-run")
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text("recsat-social-social").first.click()
    link = page.get_by_role("link", name="The whole report")
    link.wait_for()
    picture(page, "ui-report")
    report = httpx.get(str(link.get_attribute("href")), timeout=30)
    assert report.text.startswith("<!doctype html>")
    [run] = httpx.post(f"{address}/api/flow_runs/filter", json={}, timeout=30).json()
    assert run["parameters"]["config"] | {"effort": "quick", "k": 5} == run["parameters"]["config"]
