"""The arms and rerankers that recsat brings can be made, each from its registration."""

from __future__ import annotations

import pytest

from recsat import Domain, RecommenderSpec
from recsat.builtin.arms import RECOMMENDERS
from recsat.builtin.rerankers import rerankers_of
from recsat.contract.arm import Recommender
from recsat.contract.reranker import Reranker
from recsat.plugins import load_plugins
from recsat.rerank.make import make_reranker


@pytest.mark.parametrize("spec", RECOMMENDERS, ids=lambda spec: spec.name)
def test_every_arm_is_made_with_the_first_of_its_grid(spec: RecommenderSpec) -> None:
    assert isinstance(spec.make(**{name: values[0] for name, values in spec.grid.items()}), Recommender)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError, match="l3"):
        next(spec for spec in RECOMMENDERS if spec.name == "ease").make(l3=1.0)


@pytest.fixture(scope="module")
def shop() -> Domain:
    return load_plugins(["ecommerce"]).domain("ecommerce")


def test_every_reranker_that_needs_no_model_is_made_with_its_defaults(shop: Domain) -> None:
    specs = [spec for spec in rerankers_of(shop) if spec.name not in ("classifier", "language-model")]
    assert len(specs) == 7
    assert all(isinstance(make_reranker(spec, {}), Reranker) for spec in specs)
