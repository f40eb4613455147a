"""What a configuration is refused for before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsat import ConfigError
from recsat.config.settings import RunConfig
from recsat.plugins import load_plugins
from recsat.run.check import check_config


def with_measure(config: RunConfig, **settings: object) -> RunConfig:
    return config.model_copy(update={"measure": config.measure.model_copy(update=settings)})


@pytest.mark.parametrize("name", ["text-permuted", "text-masked"])
def test_what_is_there_to_fail_is_no_baseline(small_run_config: RunConfig, name: str) -> None:
    with pytest.raises(ConfigError, match=f"^measure.baseline: '{name}' is a control that is there to fail"):
        check_config(with_measure(small_run_config, baseline=name), load_plugins(["content"]))


def test_words_may_be_the_baseline(small_run_config: RunConfig) -> None:
    check_config(with_measure(small_run_config, baseline="text-words"), load_plugins(["content"]))


@pytest.mark.parametrize("representation", ["words", "text"])
def test_what_an_arm_reads_is_no_parameter_of_a_run(small_run_config: RunConfig, representation: str) -> None:
    config = small_run_config.model_copy(update={"parameters": {"text": {"representation": representation}}})
    with pytest.raises(ConfigError, match=r"^parameters.text: representation is no setting of a run: .*text-words"):
        check_config(config, load_plugins(["content"]))


def test_every_wrong_name_is_told_at_once(small_run_config: RunConfig) -> None:
    config = small_run_config.model_copy(
        update={
            "arms": ["popularty", "eas", "ease"],
            "encoder": small_run_config.encoder.model_copy(update={"name": "minilmm"}),
            "rank": small_run_config.rank.model_copy(
                update={"filters": ["sen"], "reranker": "mmmr", "kinds": ["movei"]}
            ),
            "domain_config": {"folders": "x", "layot": "tables"},
            "parameters": {"texd": {}},
        }
    )
    with pytest.raises(ConfigError) as error:
        check_config(config, load_plugins(["content"]))
    head, *lines = str(error.value).splitlines()
    assert head == "9 settings are wrong:"
    for word in ("popularty", "'eas'", "minilmm", "'sen'", "mmmr", "'movei'", "folders", "layot", "texd"):
        assert sum(word in line for line in lines) == 1, word


def test_a_wrong_name_and_faults_of_the_files_are_told_at_once(small_run_config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\na,B\n")
    (tmp_path / "events.csv").write_text("user_id,item_id,event,value,timestamp\nu,a,rating,5,someday\n")
    update = {"arms": ["eas"], "domain_config": {"layout": "tables", "folder": str(tmp_path)}}
    with pytest.raises(ConfigError) as error:
        check_config(small_run_config.model_copy(update=update), load_plugins(["content"]))
    message = str(error.value)
    assert message.startswith("1 setting is wrong:\n  - arms: No arm is called 'eas'")
    assert "item_id 'a' is a duplicate of row 2" in message
    assert "timestamp 'someday' is not a date" in message
