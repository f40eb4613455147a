"""A user's environment may have no pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

MISSING = "import sys; sys.modules['pytest'] = None"  # what import does where there is no such package


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", f"{MISSING}\n{code}"], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["DomainContract", "EncoderContract", "RecommenderContract", "RerankerContract"])
def test_a_contract_says_what_to_install(name: str) -> None:
    done = run(f"from recsat.testing import {name}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.endswith(f"{name} needs pytest, which is not installed. Run: pip install 'recsat[testing]'")


def test_the_rest_of_the_package_does_without() -> None:
    modules = ("simulate", "tables", "check_filters", "worlds", "filter_contract")
    done = run(f"import recsat.testing, {', '.join(f'recsat.testing.{module}' for module in modules)}")
    assert (done.returncode, done.stderr) == (0, "")
