"""Filters, markets and users' own words are the same from a model as from the tables, in domains that ask for all of them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from recsat import RunConfig
from recsat.contract.interactions import Catalogue
from recsat.errors import SavedModelError
from recsat.lists.attributes import attributes_of
from recsat.lists.make import lists_of
from recsat.lists.requests import request_filters
from recsat.plugins import load_plugins
from recsat.result.model import DataSummary
from recsat.stages.model.card import EncoderCard, ModelCard
from recsat.stages.model.keep import write_model
from recsat.stages.model.loaded import Model
from recsat.stages.trial.fold import filter_context, serve_known
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.request import request_of

DIMENSION = 16


def encode(texts: pl.Series) -> NDArray[np.float32]:
    """A unit vector that the text alone decides."""
    rows = [np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIMENSION) for text in texts]
    vectors = np.array(rows, dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def inputs_of(name: str, domain_config: dict[str, object]) -> RunInputs:
    """A domain's bundled sample under all of its filters; a fifth of the users have lost their events, and some their row."""
    plugins = load_plugins([name])
    domain = plugins.domain(name)
    config = domain.config.model_validate(domain_config)
    dataset = domain.load(config)
    users = dataset.users["user_id"].sort()
    lost, rowless = users.gather_every(5), users.gather_every(7, 1)
    dataset = type(dataset)(
        **{
            **vars(dataset),
            "items": dataset.items.sort("item_id"),
            "events": dataset.events.filter(~pl.col("user_id").is_in(lost.implode())),
            "users": dataset.users.filter(~pl.col("user_id").is_in(rowless.implode())),
        }
    )
    return RunInputs(
        dataset=dataset,
        catalogue=Catalogue(dataset.items),
        domain=domain,
        domain_config=config,
        filters=plugins.filters_of_run(domain, list(plugins.filters(domain))),
        vectors={"text": encode(domain.describe_item(dataset.items))},
        encode=encode,
    )


def config_of(inputs: RunInputs) -> RunConfig:
    return RunConfig.model_validate(
        {
            "domain": inputs.domain.name,
            "domain_config": inputs.domain_config.model_dump(mode="json"),
            "rank": {"filters": list(inputs.filters)},
        }
    )


def card_of(inputs: RunInputs, arm: str) -> ModelCard:
    now = inputs.dataset.events["timestamp"].max()
    return ModelCard.model_validate(
        {
            "run_id": "none",
            "created": "",
            "domain": inputs.domain.name,
            "arm": arm,
            "parameters": {},
            "split": "",
            "measures": {},
            "data_fingerprint": "",
            "data": DataSummary(n_users=0, n_items=0, n_events=0, n_quarantined=0, simulated=True, source=""),
            "last_event": now,
            "seed": 0,
            "encoder": EncoderCard(name="", fingerprint="", dimension=DIMENSION),
            "reranker": None,
            "filters": list(inputs.filters),
            "fallbacks": ["ProfileText", "MarketPopularity"],
            "config": config_of(inputs).model_dump(mode="json"),
            "versions": {},
        }
    )


def both(inputs: RunInputs, arm: str, users: list[str], place: Path) -> tuple[Model, pl.DataFrame]:
    """The model, and the lists that a fit on the tables makes."""
    events = inputs.dataset.events
    at_end = filter_context(inputs, events)
    served = serve_known(inputs, users, events, at_end)
    plugins = load_plugins([inputs.domain.name])
    fitted = plugins.recommenders(inputs.domain)[arm].make().fit(served.train)
    write_model(place / "model", card_of(inputs, arm), inputs, at_end, fitted, served.fallbacks)
    attributes = attributes_of(inputs.domain, inputs.catalogue, inputs.domain_config)
    request = replace(request_of(config_of(inputs), inputs.domain), attributes=attributes)
    lists = lists_of(served, arm, fitted, request).lists
    return Model.load(place, plugins), lists


@pytest.mark.parametrize(
    ("name", "settings"), [("social", {"max_distance": 2}), ("game", {"platform": "windows", "max_age_rating": 16})]
)
def test_lists_are_those_of_the_tables(name: str, settings: dict[str, object], tmp_path: Path) -> None:
    inputs = inputs_of(name, settings)
    dataset = inputs.dataset
    users = ["nobody", *pl.concat([dataset.events["user_id"], dataset.users["user_id"]]).unique().sort()]
    model, expected = both(inputs, "text", users, tmp_path)
    lists = model.recommend(users)
    assert lists.drop("title").equals(expected)
    assert "profile" not in set(lists["reason"])
    assert lists.filter("fallback").height > 0
    assert (
        model.audience(users).plan.removed
        == serve_known(inputs, users, dataset.events, filter_context(inputs, dataset.events)).plan.removed
    )


def random_request(model: Model, rng: np.random.Generator) -> dict[str, list[str]]:
    items, kinds = model.catalogue.ids, model.catalogue.items["kind"].unique().sort().to_list()
    request: dict[str, list[str]] = {}
    if rng.random() < 0.4:
        request["exclude"] = [str(item) for item in rng.choice(items, 3)]
    if rng.random() < 0.3:
        request["include"] = [str(item) for item in rng.choice(items, 40)]
    if rng.random() < 0.3:
        request["kinds"] = [str(rng.choice(kinds))]
    return request


@pytest.mark.parametrize(
    ("name", "settings"), [("social", {"max_distance": 2}), ("game", {"platform": "windows", "max_age_rating": 16})]
)
def test_what_holds_for_every_request_is_what_each_filter_says(
    name: str, settings: dict[str, object], tmp_path: Path
) -> None:
    """The rules put together once, against each filter looked at anew, on random requests."""
    inputs = inputs_of(name, settings)
    model, _ = both(inputs, "text", ["nobody"], tmp_path)
    rng = np.random.default_rng(7)
    users = [*model.histories.ids, "nobody", "no one"]
    for _ in range(25):
        users_of_request = list(dict.fromkeys(str(user) for user in rng.choice(users, int(rng.integers(1, 4)))))
        request, k = random_request(model, rng), int(rng.integers(1, 15))
        slow = model.audience(users_of_request, **request)
        served = model._served(users_of_request, request_filters(model.catalogue, **request))
        assert (served.plan.items == slow.plan.items).all()
        assert (served.plan.mask(slice(None)) == slow.plan.mask(slice(None))).all()
        assert served.plan.by_id == slow.plan.by_id
        assert (served.plan.where, served.plan.n_candidates) == (slow.plan.where, slow.plan.n_candidates)
        lists = lists_of(slow, model.card.arm, model.arm, model.asking(slow.users, k), topics=model.topics).lists
        assert model.recommend(users_of_request, k, **request).drop("title").equals(lists)


def test_a_run_without_the_filter_seen_shows_what_was_seen(finished_run: Path) -> None:
    model = Model.load(finished_run, load_plugins(["content"]))
    user = model.histories.ids[0]
    seen = set(
        model.catalogue.items["item_id"].gather(
            model.histories.at(model.histories.rows([user]), [user]).history.indices
        )
    )
    free = replace(model, rules={name: rule for name, rule in model.rules.items() if name != "seen"})
    assert not set(model.recommend([user], 50)["item_id"]) & seen
    assert set(free.recommend([user], len(model.catalogue))["item_id"]) >= seen


def test_tables_are_read_only_where_a_filter_asks_of_users(tmp_path: Path, finished_run: Path) -> None:
    plain = Model.load(finished_run, load_plugins(["content"]))
    assert not (finished_run / "model" / "known").exists()
    assert plain.recommend(["1"]).height > 0
    inputs = inputs_of("game", {})
    model, _ = both(inputs, "popularity", ["u1"], tmp_path)
    (tmp_path / "model" / "known" / "events.parquet").write_bytes(b"not a table")
    with pytest.raises(SavedModelError, match=r"damaged: known/events\.parquet"):
        model.recommend([model.histories.ids[0]])


def test_a_filter_that_always_holds_and_is_newer_than_the_model_is_refused(tmp_path: Path) -> None:
    inputs = inputs_of("social", {})
    older = {name: rule for name, rule in inputs.filters.items() if name != "social.privacy"}
    older_inputs = RunInputs(**{**vars(inputs), "filters": older})
    at_end = filter_context(inputs, inputs.dataset.events)
    served = serve_known(older_inputs, [], inputs.dataset.events, at_end)
    fitted = load_plugins(["social"]).recommenders(inputs.domain)["popularity"].make().fit(served.train)
    write_model(tmp_path / "model", card_of(older_inputs, "popularity"), older_inputs, at_end, fitted, served.fallbacks)
    with pytest.raises(SavedModelError, match=r"filter 'social\.privacy' always holds, and is newer than the model"):
        Model.load(tmp_path, load_plugins(["social"]))
