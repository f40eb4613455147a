"""The command's main job for real, on a small catalogue: a fresh process from files to report, and again from the cache."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from recsat.run import RunFolder

N_USERS, N_ITEMS, N_LIKED = 24, 30, 12
CODE = """
import sys
from recsat.cli import main
sys.argv = ["recsat", *sys.argv[1:]]
try:
    main()
finally:
    print("prefect imported:", "prefect" in sys.modules, file=sys.stderr)
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Files in the layout of MovieLens; each user likes items of one genre above all."""
    rng = random.Random(0)
    genres = ["Comedy", "Western", "Documentary"]
    movies = [f"{i},Film {i} ({1980 + i}),{genres[i % 3]}" for i in range(N_ITEMS)]
    ratings = [
        f"{user},{item},{5 if item % 3 == user % 3 else 4},{1_500_000_000 + 1000 * place + user}"
        for user in range(N_USERS)
        for place, item in enumerate(
            sorted(range(N_ITEMS), key=lambda item: rng.random() + (item % 3 != user % 3))[:N_LIKED]
        )
    ]
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies]) + "\n")
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *ratings]) + "\n")
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n0,0,quiet,1500000000\n")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RECSAT_", "PREFECT_API"))}
    env["RECSAT_HOME"] = "."
    return subprocess.run(
        [sys.executable, "-c", CODE, "run", *arguments], cwd=folder, env=env, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_run_goes_from_files_to_report_and_the_second_embeds_nothing(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "runs.yaml").write_text(
        f"""
        domain_config: {{folder: {catalogue}}}
        splits: [{{name: warm, protocol: random}}]
        arms: [popularity, text, ease]
        parameters: {{text: {{}}, ease: {{l2: 50}}}}
        rank: {{k: 5, n_candidates: 20}}
        measure: {{n_bootstrap: 100, n_sample_users: 1}}
        """
    )
    first = run(tmp_path, "-c", "runs.yaml")
    assert first.returncode == 0, first.stderr
    assert "embed: " in first.stderr
    assert f"{N_ITEMS} texts" in first.stderr
    assert "prefect imported: False" in first.stderr
    report = tmp_path / "runs" / "latest" / "report.html"
    assert report.is_file()
    assert f"Report: {Path('runs') / report.parent.resolve().name / 'report.html'}" in first.stdout
    result = json.loads(report.with_name("result.json").read_text())
    assert {arm["name"] for arm in result["arms"]} == {"popularity", "text", "text-words", "ease"}
    for arm in ("popularity", "text", "ease"):
        assert arm in first.stdout

    second = run(tmp_path, "-c", "runs.yaml", "--set", "rank.k=4")
    assert second.returncode == 0, second.stderr
    assert f"nothing new: all {N_ITEMS} texts from the cache" in second.stderr
    assert "nDCG@4" in second.stdout

    # Cut short after the lists were made: the same folder, and only what was missing.
    folder = RunFolder(report.parent.resolve())
    done = folder.costs()
    folder.write_json("stages.json", [cost.model_dump() for cost in done[:4]])
    report.unlink(missing_ok=True)
    resumed = run(tmp_path, "--resume", str(folder.path))
    assert resumed.returncode == 0, resumed.stderr
    assert [line.split(":")[0] for line in resumed.stderr.splitlines()[:3]] == ["evaluate", "model", "report"]
    assert (folder.path / "report.html").is_file()


def test_bad_input_is_a_message_and_exit_code_2(catalogue: Path, tmp_path: Path) -> None:
    with (catalogue / "ratings.csv").open("a") as file:
        file.write("1,9999,5,1500000000\n")
    done = run(tmp_path, "--set", f"domain_config.folder={catalogue}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "ratings.csv" in done.stderr
    assert "9999" in done.stderr
