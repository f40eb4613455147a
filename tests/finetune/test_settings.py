"""How settings are given, and what the command refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsat import ConfigError, EncoderError, RunConfig, RunError
from recsat.cli import app
from recsat.config.sources import load_config
from recsat.finetune.execute import open_finetune
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings, FinetuneSources
from recsat.finetune.text_model import startable
from recsat.finetune.training import batched
from recsat.run import RunFolder, new_run


def test_a_file_variables_and_overrides_give_them_as_any_other_setting(tmp_path: Path) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text("seed: 7\nfinetune:\n  epochs: 2\n  batch_size: 16\n  lora_targets: [query, value]\n")
    env = {"RECSAT_FINETUNE__BATCH_SIZE": "32", "RECSAT_FINETUNE__PATIENCE": "9", "RECSAT_RANK__K": "4"}
    loaded = load_config(file, env, ["finetune.patience=3"], {"finetune": {"epochs": 1}}, FinetuneSources)
    both = loaded.config.parts()
    assert both.finetune == FinetuneSettings(epochs=2, batch_size=32, patience=3, lora_targets=["query", "value"])
    assert both.run == RunConfig(seed=7).model_copy(update={"rank": both.run.rank})
    assert type(both.run) is RunConfig
    assert both.run.rank.k == 4
    assert {key: loaded.sources[f"finetune.{key}"] for key in ("epochs", "batch_size", "patience", "temperature")} == {
        "epochs": f"file {file}",
        "batch_size": "environment RECSAT_FINETUNE__BATCH_SIZE",
        "patience": "--set",
        "temperature": "default",
    }


def test_toml_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "runs.toml"
    file.write_text("[finetune]\nepochs = 2\n")
    assert load_config(file, model=FinetuneSources).config.finetune == FinetuneSettings(epochs=2)


@pytest.mark.parametrize(
    ("env", "overrides", "message"),
    [
        ({}, ["finetune.epoch=3"], "--set finetune.epoch=3: finetune.epoch is no setting. Did you mean 'finetune.epochs'?"),
        ({"RECSAT_FINETUNE__EPOCH": "3"}, [], "environment RECSAT_FINETUNE__EPOCH: finetune.epoch is no setting. Did you mean RECSAT_FINETUNE__EPOCHS?"),
        ({}, ["epochs=3"], "--set epochs=3: epochs is no setting. Did you mean 'finetune.epochs'?"),
        ({}, ["finetune.epochs=0"], "--set finetune.epochs=0: finetune.epochs must be at least 1, but is 0."),
        ({"RECSAT_FINETUNE__EPOCHS": "x"}, [], "environment RECSAT_FINETUNE__EPOCHS: finetune.epochs must be a whole number, but is 'x'."),
        ({}, ["finetune.objective=contrast"], "Did you mean 'contrastive'?"),
        ({}, ["finetune.epochs"], "write key=value"),
        ({}, ["finetune.lora_targets=[a"], "--set finetune.lora_targets=[a: the value is not valid YAML"),
        ({}, ["finetune=3"], "--set finetune=3: finetune must be a section of key: value, but is 3."),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_its_source_and_what_to_do(
    env: dict[str, str], overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, env, overrides, model=FinetuneSources)
    assert message in str(refused.value)


def test_a_run_leaves_the_section_of_a_shared_file_alone_but_not_what_it_is_told_itself(tmp_path: Path) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text("seed: 7\nfinetune: {epochs: 2}\n")
    assert load_config(file, {"RECSAT_FINETUNE__EPOCHS": "3"}).config == RunConfig(seed=7)
    with pytest.raises(ConfigError, match=r"--set finetune\.epochs=3: finetune is no setting"):
        load_config(file, {}, ["finetune.epochs=3"])


def test_a_rest_of_one_pair_is_no_batch() -> None:
    assert batched(33, 16) == [slice(0, 16), slice(16, 32)]
    assert batched(34, 16)[-1] == slice(32, 34)


def test_an_encoder_that_is_no_transformer_cannot_be_fine_tuned() -> None:
    with pytest.raises(EncoderError, match=r"encoder 'letters.a-to-z' is a .*only transformers can be fine-tuned"):
        startable(object(), "letters.a-to-z")  # type: ignore[arg-type]


def test_a_run_that_is_no_fine_tuning_is_not_resumed_as_one(tmp_path: Path) -> None:
    folder = new_run(RunConfig(home=str(tmp_path)))
    with pytest.raises(RunError, match="is no fine-tuning run"):
        open_finetune(FinetuneConfig(), folder.path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a domain, such as recsat finetune content"),
        (["content", "--epochs", "0"], "--set finetune.epochs=0: finetune.epochs must be at least 1, but is 0."),
        (["shop"], "no plugin gives a domain 'shop'"),
        (["content", "--resume", "."], "--resume goes on by the settings"),
        (["content", "--set", "rank.kk=1"], "Did you mean 'rank.k'?"),
    ],
)
def test_what_the_command_refuses_is_a_message(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["finetune", *arguments, *(["-s", f"home={tmp_path}"] if arguments[1:] != ["--resume", "."] else [])]
    )
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_the_command_goes_on_with_a_training_and_says_where_the_model_is(prepared: Callable[..., RunFolder]) -> None:
    folder = prepared(epochs=1, compare_arms=["text"])
    done = CliRunner().invoke(app, ["finetune", "--resume", str(folder.path)], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert f"encoder.model={folder.path / 'finetune' / 'model'}" in done.stdout
    assert "Before and after fine-tuning" in done.stdout
    rows = json.loads((folder.path / "finetune" / "compare.json").read_text())["rows"]
    assert {row["arm"] for row in rows} == {"text"}
