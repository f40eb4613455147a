"""constraints.txt has a version of everything that recsat, its extras and its groups ask for by name, and one that they accept."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = {
    "recsat": PROJECT["project"]["dependencies"],
    **{f"recsat[{name}]": extra for name, extra in PROJECT["project"]["optional-dependencies"].items()},
    **{f"group {name}": group for name, group in PROJECT["dependency-groups"].items()},
}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("of", REQUIREMENTS)
def test_every_requirement_has_a_version_that_it_accepts(of: str) -> None:
    versions = constraints()
    for requirement in map(Requirement, REQUIREMENTS[of]):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement}: constraints.txt has no version"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: {version}"
