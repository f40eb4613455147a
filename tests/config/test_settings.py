"""What every section of the settings refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from recsat import DomainConfig, RunConfig
from recsat.config.settings import RankSettings, Settings
from recsat.config.sources import load_config
from recsat.errors import ConfigError


class Stars(DomainConfig):
    liked_from: float | None = 4.0
    per_page: int | bool = 10
    is_quiet: bool = False


@pytest.mark.parametrize(("section", "values"), [(RankSettings, {"k": True}), (Stars, {"liked_from": True})])
def test_yes_is_no_number(section: type[Settings], values: dict[str, bool]) -> None:
    with pytest.raises(ValidationError, match="true is no number"):
        section.model_validate(values)


def test_a_boolean_stays_one_where_there_may_be_one() -> None:
    settings = Stars.model_validate({"per_page": False, "is_quiet": True})
    assert (settings.per_page, settings.is_quiet, settings.liked_from) == (False, True, 4.0)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"runs_dir": "a\0b"}, "runs_dir"),
        ({"cache_dir": "a\0b"}, "cache_dir"),
        ({"parameters": {"aligned": {"sums": "a\0b"}}}, "parameters"),
        ({"arms": ["ease", "a\0b"]}, "arms"),
        ({"domain_config": {"folder": "a\0b"}}, "domain_config"),
    ],
)
def test_no_text_has_the_sign_that_ends_names_of_the_system(values: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match="sign NUL") as refused:
        RunConfig.model_validate(values)
    assert refused.value.errors()[0]["loc"] == (place,)


def test_the_setting_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("domain: content\nseed: false\nrank: {k: true}\n")
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "run.yaml")
    assert "rank.k: true is no number" in str(refused.value)
    assert "seed: false is no number" in str(refused.value)


def test_whole_numbers_are_taken() -> None:
    assert RunConfig.model_validate({"seed": 7, "rank": {"k": 5}}).rank.k == 5
