"""``recsat map``: from one run to another, and only where the encoder is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from typer.testing import Result

Recsat = Callable[..., Result]


def test_a_map_goes_from_a_run_to_the_setting_of_another(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "map.safetensors"
    for l2 in ("5", "0.1"):
        done = recsat("map", "export", str(finished_run), "--out", str(file), "--l2", l2)
        assert done.exit_code == 0, done.output
    mapping = load_file(file)["mapping"]
    assert mapping.shape[0] == mapping.shape[1]
    assert np.abs(mapping).max() > 0
    used = recsat("map", "use", str(file), str(finished_run))
    assert used.stdout.strip() == f"--set parameters.aligned.prior={file}"


def test_a_map_of_another_encoder_or_of_none_is_refused(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    matrix = {"mapping": np.eye(3, dtype=np.float32)}
    for metadata, message in (
        ({"encoder": "other"}, "learnt with another encoder"),
        (None, "does not say its encoder"),
    ):
        save_file(matrix, tmp_path / "map", metadata)
        done = recsat("map", "use", str(tmp_path / "map"), str(finished_run))
        assert done.exit_code == 2
        assert message in done.stderr
