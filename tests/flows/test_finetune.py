"""Fine-tuning as a flow: a real training of a tiny model, its artifact, its form."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest
from prefect.exceptions import ParameterTypeError
from prefect_processes import newest_artifact
from transformers import BertConfig, BertModel, BertTokenizer

from recsat import RunConfig
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings
from recsat.run import RunFolder
from recsat_flows.finetune import finetune, step
from recsat_flows.limited import StageTimeout


@pytest.fixture
def tiny_bert(tmp_path: Path) -> Path:
    """One layer of 16 over letters."""
    folder = tmp_path / "tiny-bert"
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789(),."
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(vocab=str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_flow_run_leaves_a_model_and_shows_before_and_after(
    small_run_config: RunConfig, tiny_bert: Path, tmp_path: Path
) -> None:
    encoder = small_run_config.encoder.model_copy(update={"name": "transformer", "model": str(tiny_bert)})
    run = small_run_config.model_copy(update={"encoder": encoder, "home": str(tmp_path)})
    settings = FinetuneSettings(epochs=1, pairs_per_epoch=32, batch_size=16, max_tokens=32, compare_arms=["text"])

    folder = Path(finetune(FinetuneConfig(run=run, finetune=settings)))

    assert (folder / "finetune" / "model" / "model.safetensors").exists()
    assert newest_artifact("recsat-finetune").data == (folder / "finetune" / "compare.md").read_text()
    assert finetune(resume=str(folder)) == str(folder)  # nothing is left to do


@pytest.fixture
def training(small_run_config: RunConfig, tiny_bert: Path, tmp_path: Path) -> FinetuneConfig:
    """A training of so many epochs that it takes hours, on a model that is saved each epoch."""
    encoder = small_run_config.encoder.model_copy(update={"name": "transformer", "model": str(tiny_bert)})
    run = small_run_config.model_copy(update={"encoder": encoder, "home": str(tmp_path)})
    settings = FinetuneSettings(
        epochs=100, patience=100, pairs_per_epoch=5_000, batch_size=16, max_tokens=32, compare_arms=["text"]
    )
    return FinetuneConfig(run=run, finetune=settings)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_a_training_that_takes_longer_than_its_limit_is_ended_by_name(
    training: FinetuneConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSAT_FLOWS__FINETUNE_LIMIT_S", "25")
    monkeypatch.setattr(sys.modules["recsat_flows.finetune"], "step", step.with_options(retries=0))
    with pytest.raises(StageTimeout, match=r"stage finetune took longer than flows.finetune_limit_s \(25 s\)"):
        finetune(training)
    [folder] = [path for path in (tmp_path / "runs").iterdir() if not path.is_symlink()]
    assert [cost.name for cost in RunFolder(folder).costs()] == ["prepare"]
    assert not [child for child in psutil.Process().children(recursive=True) if "recsat-finetune" in child.name()]


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_a_training_within_its_limit_is_one_without(training: FinetuneConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    short = training.finetune.model_copy(update={"epochs": 1, "pairs_per_epoch": 32, "patience": 1})
    monkeypatch.setenv("RECSAT_FLOWS__FINETUNE_LIMIT_S", "600")
    folder = Path(finetune(training.model_copy(update={"finetune": short})))
    assert (folder / "finetune" / "model" / "model.safetensors").exists()


def test_the_form_keeps_descriptions_bounds_and_choices() -> None:
    schema = finetune.parameters.model_dump()
    fields = schema["definitions"]["FinetuneSettings"]["properties"]
    assert fields["temperature"]["description"].startswith("contrastive: cosines")
    assert fields["epochs"]["minimum"] == 1
    assert fields["objective"]["enum"] == ["contrastive", "classification"]
    assert schema["required"] == []


def test_a_misspelt_setting_is_refused_before_anything_runs() -> None:
    with pytest.raises(ParameterTypeError, match="epoch"):
        finetune.validate_parameters({"config": {"finetune": {"epoch": 5}}})
