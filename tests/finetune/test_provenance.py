"""A model that may have learnt what a run tests is refused, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recsat import ConfigError, RunConfig
from recsat.config.home import at_home
from recsat.embed.provenance import Provenance, refuse_leaks
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.run.check import check_config
from recsat.stages import PIPELINE

FINGERPRINT = "0123456789abcdef"
SPLITS = [
    {"name": "warm", "protocol": "random", "test_share": 0.2},
    {"name": "cold", "protocol": "cold-items", "test_share": 0.2, "repeats": 1},
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with the finetune.json of a model of both splits, seed 42."""
    trained = RunConfig.model_validate({"splits": SPLITS})
    content = Provenance.of(trained, FINGERPRINT).model_dump(mode="json") | {
        "settings": {"objective": "classification"}
    }
    (tmp_path / "finetune.json").write_text(json.dumps(content))
    return tmp_path


def run_of(model: Path, **changes: Any) -> RunConfig:
    rank = {"reranker": "classifier", "reranker_parameters": {"model": str(model)}}
    return RunConfig.model_validate({"splits": SPLITS, "rank": rank, **changes})


def test_a_run_that_draws_other_items_than_the_model_was_trained_around_is_refused(model: Path) -> None:
    """Further draws hold out what the first one trains on."""
    drawn_again = [{**SPLITS[1], "repeats": 3}]
    with pytest.raises(ConfigError, match=r"splits cold are drawn again here, .*set repeats: 1"):
        refuse_leaks(run_of(model, splits=drawn_again), FINGERPRINT)


RENAMED = [{**SPLITS[1], "name": "new-items"}]


@pytest.mark.parametrize(
    "changes",
    [{}, {"splits": SPLITS[:1]}, {"splits": RENAMED}, {"arms": ["ease"]}, {"data": {"on_bad_rows": "quarantine"}}],
)
def test_a_run_that_holds_out_no_other_events_may_use_the_model(model: Path, changes: dict[str, Any]) -> None:
    refuse_leaks(run_of(model, **changes), FINGERPRINT)


@pytest.mark.parametrize(
    ("changes", "fingerprint", "differs"),
    [
        ({"seed": 7}, FINGERPRINT, "seed 42 there, 7 here"),
        ({}, "fedcba9876543210", r"other data \(fingerprint 0123456789ab there, fedcba987654 here\)"),
        ({"domain": "game"}, FINGERPRINT, "domain 'content' there, 'game' here"),
        ({"data": {"min_item_events": 3}}, FINGERPRINT, "data.min_item_events 5 there, 3 here"),
        (
            {"splits": [{**SPLITS[0], "test_share": 0.3}]},
            FINGERPRINT,
            r"splits warm \(random, test_share 0.2, validation_share 0.1\); cold \(.*\) there, and here also "
            r"warm \(random, test_share 0.3, validation_share 0.1\)",
        ),
        (
            {"splits": [*SPLITS, {"name": "last", "protocol": "last-n"}]},
            FINGERPRINT,
            r"here also last \(last-n, n_last 5",
        ),
        ({"splits": [{**SPLITS[0], "validation_share": 0.2}]}, FINGERPRINT, "here also warm"),
    ],
)
def test_a_run_that_holds_out_other_events_is_told_what_differs(
    model: Path, changes: dict[str, Any], fingerprint: str, differs: str
) -> None:
    with pytest.raises(
        ConfigError, match=f"^rank.reranker_parameters.model: .* may have learnt .*{differs}.* recsat finetune"
    ):
        refuse_leaks(run_of(model, **changes), fingerprint)


def test_several_differences_are_all_told(model: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"seed 42 there, 7 here; other data .*; data.min_user_events 5 there, 1 here"
    ):
        refuse_leaks(run_of(model, seed=7, data={"min_user_events": 1}), "fedcba9876543210")


def test_a_model_that_does_not_tell_what_it_learnt_from_is_refused(model: Path) -> None:
    content = json.loads((model / "finetune.json").read_text())
    del content["data"], content["data_fingerprint"]
    (model / "finetune.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"does not tell .* \(missing or wrong: data, data_fingerprint\)"):
        refuse_leaks(run_of(model), FINGERPRINT)


def test_the_encoder_is_held_to_it_too_and_other_models_are_not_asked(model: Path, tmp_path: Path) -> None:
    tuned = RunConfig.model_validate(
        {"encoder": {"name": "transformer", "model": str(model)}, "splits": SPLITS, "seed": 1}
    )
    with pytest.raises(ConfigError, match=r"^encoder.model: .*seed 42 there, 1 here"):
        refuse_leaks(tuned, FINGERPRINT)
    (tmp_path / "plain").mkdir()
    for named in (str(tmp_path / "plain"), "intfloat/e5-small-v2"):
        refuse_leaks(RunConfig.model_validate({"encoder": {"name": "transformer", "model": named}}), FINGERPRINT)
    refuse_leaks(run_of(model, seed=1).model_copy(update={"rank": RunConfig().rank}), FINGERPRINT)


def test_what_the_settings_tell_shows_before_a_run_and_what_the_data_tell_in_its_first_stage(
    model: Path, small_run_config: RunConfig
) -> None:
    plugins = load_plugins(["content"])
    rank = run_of(model).rank
    splits = [split.model_copy(update={"repeats": 1}) for split in small_run_config.splits]
    other = small_run_config.model_copy(update={"rank": rank, "splits": splits})
    with pytest.raises(ConfigError, match=r"^rank.reranker_parameters.model: .*data.min_user_events 5 there, 3 here"):
        check_config(other, plugins)
    content = json.loads((model / "finetune.json").read_text())
    (model / "finetune.json").write_text(json.dumps(content | {"data": other.data.model_dump()}))
    check_config(other, plugins)
    runs = Path(at_home(other).runs_dir)
    before = set(runs.iterdir()) if runs.exists() else set()
    with pytest.raises(ConfigError, match="other data"):
        execute(other, plugins, stages=PIPELINE)
    assert (
        set(runs.iterdir()) if runs.exists() else set()
    ) == before  # refused in its first stage, so nothing is left of it
