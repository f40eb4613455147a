"""A user's environment may have no pytest."""

from __future__ import annotations

import subprocess
import sys

MISSING = "import sys; sys.modules['pytest'] = None"  # what import does where there is no such package


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", f"{MISSING}\n{code}"], capture_output=True, text=True, timeout=60)


def test_domain_contract_says_what_to_install() -> None:
    done = run("from recsat.testing import DomainContract")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.endswith("DomainContract needs pytest, which is not installed. Run: pip install 'recsat[testing]'")


def test_the_rest_of_the_package_does_without() -> None:
    done = run("import recsat.testing, recsat.testing.simulate, recsat.testing.tables, recsat.testing.filtering")
    assert (done.returncode, done.stderr) == (0, "")
