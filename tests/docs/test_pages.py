"""Pages that take a reader through commands: every block is written or run, and prints what the page shows.

A page is run from top to bottom in an environment and a folder of its own. A block with a title is a file: the first of
that title makes it, later ones are put under it. A ``console`` block is commands and what they print. What may differ is
times, memory, places, run names, lines on what takes long, white space, and numbers by a tenth, since
another processor rounds otherwise; a line ``…`` stands for any lines. ``RECSAT_REWRITE_DOCS=1`` writes what the commands print into the pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from recsat.scaffold.write import files_of

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    "how-to/own-data.md",
    "tutorial.md",
    "how-to/compliance.md",
    "how-to/encoder.md",
    "how-to/experiment.md",
    "how-to/off-policy.md",
    "how-to/test-your-parts.md",
]
PARTLY = [
    "how-to/configure.md",
    "how-to/feedback.md",
    "how-to/finetune.md",
    "how-to/language-model.md",
    "how-to/promote.md",
    "how-to/serve-lists.md",
]
"""Pages that also have blocks which nobody runs: settings and Python without a title, commands without what they print, and what is said to be not run."""
NOT_RUN = "*Not run at build: "
REWRITE = os.environ.get("RECSAT_REWRITE_DOCS") == "1"
FENCE = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```$', re.MULTILINE | re.DOTALL)
BETWEEN = {".py": "\n\n\n"}
"""What parts of a file are joined by: as a formatter parts functions."""
TENTH = 0.1
SMALL = 0.2


@dataclass(frozen=True)
class Shell:
    """A virtual environment that sees what this one has, and a folder to work in."""

    environment: Path
    folder: Path

    def run(self, command: str) -> str:
        """What the command prints, errors included; its exit code is no matter, since a page may show a refusal."""
        settings = {
            name: value for name, value in os.environ.items() if not name.startswith(("RECSAT_", "PIP_", "PYTEST_"))
        }
        settings |= {
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "110",
            "HOME": str(self.folder),
            "RECSAT_HOME": str(self.folder),  # which lies in a temporary folder
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "false",  # pip's own word for: build with what is installed here
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )
        return done.stdout


@pytest.fixture
def shell() -> Iterator[Shell]:
    # Not tmp_path: its long names would break the lines of what is printed elsewhere.
    with tempfile.TemporaryDirectory() as place:
        environment, folder = Path(place, "environment"), Path(place, "work")
        folder.mkdir()
        make_environment(environment)
        yield Shell(environment, folder)


def make_environment(environment: Path) -> None:
    """With commands ``recsat``, ``pytest`` and ``pip``, which installs into it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=60)
    python = environment / "bin" / "python"
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "seen.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    modules = {"recsat": "from recsat.cli import main", "pytest": "from pytest import main"}
    scripts = {name: f"#!{python}\n{line}\nraise SystemExit(main())\n" for name, line in modules.items()}
    scripts["pip"] = f'#!/bin/sh\nexec {sys.executable} -m pip --python {python} "$@"\n'
    for name, text in scripts.items():
        (environment / "bin" / name).write_text(text)
        (environment / "bin" / name).chmod(0o755)


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, its continuation lines joined, with the lines that it prints."""
    starts = [*re.finditer(r"^\$ ((?:.*\\\n)*.*)\n", body, re.MULTILINE)]
    assert body.startswith("$ "), f"a console block starts with a command:\n{body}"
    ends = [after.start() for after in starts[1:]] + [len(body)]
    for start, end in zip(starts, ends, strict=True):
        yield start[1], body[start.end() : end].splitlines()


def tokens(text: str, shell: Shell) -> list[str]:
    """Words, without what differs from run to run."""
    text = text.replace(f"{shell.folder}/", "").replace(str(shell.folder), "").replace(str(shell.environment), "")
    text = re.sub(r"^.*: (?:.*, )?running for \d.*$", "", text, flags=re.MULTILINE)  # said where a stage takes long
    text = re.sub(r"[\d.,]+ ?(ms|s|min|MiB|GiB)\b", "#", text)
    text = re.sub(r"\d{8}-\d{6}-(\w+)-[0-9a-f]{6}", r"#-\1", text)
    text = re.sub(r"Plan [0-9a-f]{12} of \d{4}-\d\d-\d\d \d\d:\d\d UTC", "Plan #", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d( UTC)?", "#", text)
    text = re.sub(
        r"\b[0-9a-f]{12}(?:[0-9a-f]{52})?\b", "#", text
    )  # a model by its content, which hangs on the moment of its run
    text = re.sub(r"[▲▼◆]|[─━=]{4,}", "", text)  # a rule is as long as the line leaves it room
    return re.findall(r"[^\W\d]\w*|\d[\d,]*(?:\.\d+)?|[^\w\s]", text)


def same(expected: str, printed: str) -> bool:
    try:
        one, other = float(expected.replace(",", "")), float(printed.replace(",", ""))
    except ValueError:
        return expected == printed
    return abs(one - other) <= TENTH * max(abs(one), SMALL)


def fits(expected: list[str], printed: str, shell: Shell) -> bool:
    """Whether ``printed`` is what the page shows; a line ``…`` of the page stands for any words."""
    groups = [tokens(group, shell) for group in re.split(r"^…$", "\n".join(expected), flags=re.MULTILINE)]
    words, at = tokens(printed, shell), 0
    for i, group in enumerate(groups):
        last = len(words) - len(group)
        places = range(at, last + 1) if i else range(at, min(at, last) + 1)
        if i and i == len(groups) - 1:
            places = range(max(at, last), last + 1)
        place = next((p for p in places if all(map(same, group, words[p : p + len(group)]))), None)
        if place is None:
            return False
        at = place + len(group)
    return at == len(words) or (len(groups) > 1 and not groups[-1])


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_and_prints_what_the_page_shows(page: str, shell: Shell) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = list(FENCE.finditer(text))
    assert len(blocks) == text.count("\n```") // 2, "every fence names its language, and every block is one that is run"
    for block in blocks:
        assert block["title"] or block["kind"] == "console", (
            f"a block of {block['kind']} without a title is not run:\n{block['body']}"
        )
    run_page(page, text, blocks, shell)


@pytest.mark.slow
@pytest.mark.parametrize("page", PARTLY)
def test_every_output_that_a_page_shows_is_printed_or_said_to_be_not_run(page: str, shell: Shell) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = list(FENCE.finditer(text))
    assert not [block[0] for block in blocks if block["kind"] == "text"], "output stands below its command"
    blocks = [
        block for block in blocks if block["title"] or (block["kind"] == "console" and _has_output(block["body"]))
    ]
    run_page(page, text, [block for block in blocks if not _is_not_run(text, block)], shell)


def _has_output(body: str) -> bool:
    return any(lines for _, lines in commands(body))


def _is_not_run(text: str, block: re.Match[str]) -> bool:
    return text[block.end() :].lstrip().startswith(NOT_RUN)


def run_page(page: str, text: str, blocks: Sequence[re.Match[str]], shell: Shell) -> None:
    """Writes files and runs commands from top to bottom; fails where something else is printed."""
    written: set[Path] = set()
    differ: list[str] = []
    renewed = text
    for block in blocks:
        if block["title"]:
            path = shell.folder / block["title"]
            path.parent.mkdir(parents=True, exist_ok=True)
            before = (
                path.read_text(encoding="utf-8").rstrip() + BETWEEN.get(path.suffix, "\n") if path in written else ""
            )
            path.write_text(before + block["body"], encoding="utf-8")
            written.add(path)
            continue
        lines = []
        for command, expected in commands(block["body"]):
            printed = shell.run(command)
            if not fits(expected, printed, shell):
                differ.append(
                    f"$ {command}\n--- the page shows\n" + "\n".join(expected) + f"\n--- it prints\n{printed}"
                )
            new_lines = expected if "…" in expected else [line.rstrip() for line in printed.rstrip().splitlines()]
            lines += [f"$ {command}", *(line.replace(f"{shell.folder}/", "") for line in new_lines)]
        renewed = renewed.replace(block[0], "```console\n" + "\n".join(lines) + "\n```", 1)
    if REWRITE:
        (DOCS / page).write_text(renewed, encoding="utf-8")
    assert not differ, "\n\n".join(differ)


def python_of(page: str, title: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return "\n\n\n".join(block["body"].rstrip() for block in FENCE.finditer(text) if block["title"] == title) + "\n"


def test_the_tutorial_grows_the_file_that_new_plugin_writes() -> None:
    domain = "recsat_books/domain.py"
    assert python_of("tutorial.md", f"recsat-books/{domain}") == files_of("books")[Path(domain)].decode()


def test_a_metric_for_every_domain_takes_at_most_ten_lines() -> None:
    first = python_of("how-to/compliance.md", "recsat-compliance/recsat_compliance.py").split(
        "\n\n\n@recsat.hookimpl\ndef recsat_filters"
    )[0]
    assert "recsat_metrics" in first
    assert "SatisfactionMetric" in first
    assert len([line for line in first.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize(
    ("expected", "printed", "fit"),
    [
        (["a b"], "a  b\n", True),
        (["a b"], "a c\n", False),
        (["a b"], "a b c\n", False),
        (["a", "…", "c"], "a\nb\nb\nc\n", True),
        (["a", "…", "c"], "a\nc\nb\n", False),
        (["…", "c"], "a\nc\n", True),
        (["a", "…"], "a\nc\n", True),
        (["a", "…"], "b\nc\n", False),
        (["took 3.1 s, 20 MiB"], "took 250 ms, 1,200 MiB", True),
        (["==== 12 passed in 2.50s ====="], "===== 12 passed in 10.36s =======", True),
        (["12 passed in 2.50s ====="], "==== 12 passed in 10.36s ====", True),
        (["x 0.50 ▲"], "x 0.52", True),
        (["x 0.50"], "x 0.70", False),
        (["x 0.50 (0.40–0.60) ▲"], "x 0.51 (0.41–0.61)", True),
        (["b11"], "b12", False),
        (["60 items"], "90 items", False),
        ([], "", True),
        ([], "warning", False),
    ],
)
def test_what_counts_as_the_same_output(expected: list[str], printed: str, fit: bool, tmp_path: Path) -> None:
    assert fits(expected, printed, Shell(tmp_path, tmp_path)) is fit


def test_commands_are_parted_from_what_they_print() -> None:
    body = "$ one \\\n  more\nprints\n$ two\n$ three\nand\nthis\n"
    assert list(commands(body)) == [("one \\\n  more", ["prints"]), ("two", []), ("three", ["and", "this"])]
