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


def test_what_a_difference_is_worth_is_asked_of_measures_that_there_are(small_run_config: RunConfig) -> None:
    check_config(
        with_measure(small_run_config, worth_having={"ndcg@10": 0.01, "coverage@10": 0.1}), load_plugins(["content"])
    )
    for name, near in (("ndgc@10", "ndcg@10"), ("ndcg", "ndcg@10"), ("ndcg@5", "ndcg@10")):
        with pytest.raises(ConfigError, match=rf"^measure.worth_having.{name}: No measure is called '{name}'.*{near}"):
            check_config(with_measure(small_run_config, worth_having={name: 0.01}), load_plugins(["content"]))


def test_parameters_of_no_reranker_are_refused(small_run_config: RunConfig) -> None:
    rank = small_run_config.rank.model_copy(update={"reranker": None, "reranker_parameters": {"trade_off": 0.3}})
    with pytest.raises(ConfigError, match=r"^rank.reranker_parameters: there are parameters, and no reranker"):
        check_config(small_run_config.model_copy(update={"rank": rank}), load_plugins(["content"]))


@pytest.mark.parametrize(
    ("arm", "parameters", "message"),
    [
        (
            "ease",
            {"l2_": 1.0},
            r"^parameters.ease: .*\{'l2_': 1\.0\}: it has no parameter 'l2_'\. .*: l2.* Did you mean 'l2'\?$",
        ),
        ("mf", {"foo": 3}, r"^parameters.mf: .*\{'foo': 3\}: it has no parameter 'foo'\. Its tuned parameters: .*\.$"),
        ("ease", {"l2": "abc"}, r"^parameters.ease: .*\{'l2': 'abc'\}: a value may be of the wrong type \("),
        ("hybrid", {"choise": 1}, r"^parameters.hybrid: .*: it has no parameter 'choise'\."),
    ],
)
def test_a_parameter_that_an_arm_has_not_got_is_named(
    small_run_config: RunConfig, arm: str, parameters: dict[str, object], message: str
) -> None:
    config = small_run_config.model_copy(update={"arms": [arm], "parameters": {arm: parameters}})
    with pytest.raises(ConfigError, match=message):
        check_config(config, load_plugins(["content"]))


def test_the_arm_of_a_curve_is_asked_for_where_one_is_drawn(small_run_config: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"^measure.curve_arm: No arm of this run is called 'hybrid'"):
        check_config(with_measure(small_run_config, curve_arm="hybrid"), load_plugins(["content"]))
    check_config(with_measure(small_run_config, curve_arm="hybrid", curves=False), load_plugins(["content"]))
