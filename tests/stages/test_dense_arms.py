"""Arms whose matrices do not fit are refused in words, before anything is embedded or fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsat import ConfigError, RecommenderSpec, RunConfig
from recsat.arms.popularity import Popularity
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.stages import PREPARE, dense_arms, prepare
from recsat.stages.dense_arms import GIB, refuse_too_large


def spec(name: str, bytes_per_item_pair: float = 0.0) -> RecommenderSpec:
    return RecommenderSpec(name=name, description=name, make=Popularity, bytes_per_item_pair=bytes_per_item_pair)


ARMS = {one.name: one for one in (spec("popularity"), spec("ease", 4), spec("ease-text", 40))}


def test_every_arm_that_does_not_fit_is_named_with_what_it_takes_and_what_is_left() -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_too_large(ARMS, 30_000, free=3 * GIB)
    assert str(refused.value).startswith(
        "arms: a fit on 30,000 items takes ease 3.4 GiB, ease-text 33.5 GiB, and 3.0 GiB of memory are free. Set arms to [popularity], "
    )
    with pytest.raises(ConfigError, match=r"takes ease-text 33\.5 GiB, and .* Set arms to \[popularity, ease\]"):
        refuse_too_large(ARMS, 30_000, free=4 * GIB)


def test_what_fits_is_not_refused() -> None:
    refuse_too_large(ARMS, 30_000, free=34 * GIB)
    refuse_too_large({"popularity": ARMS["popularity"]}, 10**9, free=0)


def test_a_run_without_room_ends_before_it_embeds_and_leaves_no_folder(
    small_run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_run_config.model_copy(update={"runs_dir": str(tmp_path), "arms": ["popularity", "ease"]})
    monkeypatch.setattr(prepare, "free_memory", lambda: 1_000)
    with pytest.raises(
        ConfigError, match=r"^arms: a fit on \d+ items takes ease 0\.0 GiB, .* Set arms to \[popularity\]"
    ):
        execute(config, load_plugins(["content"]), stages=[PREPARE])
    assert list(tmp_path.iterdir()) == []


def test_the_built_in_arms_of_item_pairs_say_what_they_take_in_every_form() -> None:
    plugins = load_plugins(["content"])
    arms = plugins.recommenders(plugins.domain("content"))
    for name in ("ease", "ease-text", "ease-text-words", "ease-text-both", "linear-order", "linear-order-text"):
        assert arms[name].bytes_per_item_pair >= 4  # float32
    assert arms["item-knn"].bytes_per_item_pair == 0
    with pytest.raises(ConfigError, match="ease-text"):
        dense_arms.refuse_too_large({"ease-text": arms["ease-text"]}, 30_000, free=6 * GIB)


def test_above_its_dense_limit_an_arm_forms_no_pairs_and_is_not_refused() -> None:
    hybrid = RecommenderSpec(name="hybrid", description="", make=Popularity, bytes_per_item_pair=40, dense_limit=20_000)
    with pytest.raises(
        ConfigError, match=r"takes hybrid 14\.9 GiB, .* set parameters\.hybrid\.dense_limit below 20,000, above which"
    ):
        refuse_too_large({"hybrid": hybrid}, 20_000, free=GIB)
    refuse_too_large({"hybrid": hybrid}, 20_001, free=GIB)
    refuse_too_large({"hybrid": hybrid}, 20_000, free=GIB, parameters={"hybrid": {"dense_limit": 5_000}})
    with pytest.raises(ConfigError, match="takes hybrid"):
        refuse_too_large({"hybrid": hybrid}, 30_000, free=GIB, parameters={"hybrid": {"dense_limit": 40_000}})


def test_the_built_in_hybrid_says_what_it_takes_up_to_the_limit_that_it_has() -> None:
    from recsat.arms.hybrid.hybrid import Hybrid

    plugins = load_plugins(["content"])
    arms = plugins.recommenders(plugins.domain("content"))
    for name in ("hybrid", "hybrid-words"):
        assert arms[name].bytes_per_item_pair > 4
        assert arms[name].dense_limit == Hybrid().dense_limit
