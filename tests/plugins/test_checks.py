from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsat import (
    CandidateFilter,
    Dataset,
    Domain,
    DomainConfig,
    EncoderSpec,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
    field,
)
from recsat.plugins import faults

METRIC = SatisfactionMetric(
    name="clicks", description="Clicks.", unit="clicks", better="higher", compute=lambda judged: judged.hits
)
FILTER = CandidateFilter(name="cheap", description="Cheap.", keep=lambda items, context: items["price"] < 10)
DOMAIN = Domain(
    name="pages",
    description="Pages.",
    config=DomainConfig,
    load=lambda config: Dataset(items=pl.DataFrame(), events=pl.DataFrame()),
    describe_item=lambda items: items["title"],
    describe_user=lambda users, history: users["user_id"],
    positive=pl.col("event") == "click",
    kinds=("page", "post"),
    filters=[FILTER],
    metrics=[METRIC],
)
SPECS = [
    DOMAIN,
    METRIC,
    FILTER,
    EncoderSpec(name="e5-small", description="E5.", make=lambda settings: settings),
    RecommenderSpec(name="item-knn", description="kNN.", make=lambda **parameters: parameters, grid={"k": (5, 10)}),
    RerankerSpec(name="mmr", description="MMR.", make=lambda **parameters: parameters, parameters={"weight": 0.5}),
]


def of(kind: type) -> Any:
    return next(spec for spec in SPECS if type(spec) is kind)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_a_sound_spec_has_no_fault(spec: object) -> None:
    assert faults(spec) == []


@pytest.mark.parametrize(
    ("kind", "change", "fault"),
    [
        (Domain, {"name": "Pages"}, "name is 'Pages'"),
        (Domain, {"name": "my.pages"}, "name is 'my.pages'"),
        (Domain, {"config": DomainConfig()}, "give a class that inherits from recsat.DomainConfig"),
        (Domain, {"short_form": "folder"}, "short_form is 'folder'; give a tuple of settings of config"),
        (Domain, {"short_form": ("foldr",)}, "short_form names foldr, which config does not have"),
        (
            Domain,
            {"config": type("Of", (DomainConfig,), {"__annotations__": {"k": int}}), "short_form": ("k",)},
            "rename",
        ),
        (Domain, {"describe_user": lambda users: users}, "describe_user takes (users)"),
        (Domain, {"item_pictures": lambda items: items}, "item_pictures takes (items)"),
        (Domain, {"item_vectors": "image.npz"}, "item_vectors is 'image.npz'"),
        (Domain, {"positive": "value >= 4"}, "positive is 'value >= 4'; give a polars expression"),
        (Domain, {"kinds": ()}, "kinds is ()"),
        (Domain, {"kinds": ("page", "page")}, "give each kind once"),
        (Domain, {"topics": ""}, "topics is ''"),
        (Domain, {"title": None}, "title is None"),
        (Domain, {"market": ""}, "market is ''; name a text column of users"),
        (
            Domain,
            {"reasons": {"because": "like {titel}"}},
            "reasons['because'] has '{titel}'; the placeholders are {title}, {topic}, {market}, {people}, {days}, {relation}. Did you mean 'title'?",
        ),
        (Domain, {"reasons": {"because": "like {title"}}, "reasons['because'] has '{title'"),
        (
            Domain,
            {"reasons": {"topic": "more {topic}"}},
            "reasons['topic'] has {topic} and the domain's topics is None",
        ),
        (
            Domain,
            {"reasons": {"popular": "in {market}"}},
            "reasons['popular'] has {market} and the domain's market is None",
        ),
        (Domain, {"filters": FILTER}, "give a list of recsat.CandidateFilter"),
        (Domain, {"filters": [METRIC]}, "filters[0] is SatisfactionMetric("),
        (Domain, {"metrics": [METRIC, METRIC]}, "metrics has 'clicks' twice"),
        (
            Domain,
            {"filters": [dataclasses.replace(FILTER, kinds=("shop",))]},
            "which the domain does not have: page, post",
        ),
        (Domain, {"metrics": [dataclasses.replace(METRIC, better="more")]}, "metrics[0] 'clicks': better is 'more'"),
        (Domain, {"worth": {"click": True}}, "worth['click'] is True"),
        (Domain, {"units": ["stars"]}, "units is ['stars']"),
        (CandidateFilter, {"keep": None}, "give one or more of rule, where, keep, exclude, allow"),
        (CandidateFilter, {"rule": "price <= 10"}, "rule is 'price <= 10'; write one over item columns"),
        (
            CandidateFilter,
            {"rule": field("price") <= 10, "where": lambda context: None},
            "it has rule and where, and a rule is pushed down already",
        ),
        (CandidateFilter, {"where": {"must": []}}, "where is {'must': []}; give a function (context)"),
        (CandidateFilter, {"exclude": lambda users: users}, "exclude takes (users)"),
        (CandidateFilter, {"kinds": "page"}, "kinds is 'page'"),
        (CandidateFilter, {"fields": {"price": "decimal"}}, "fields['price'] is 'decimal'"),
        (SatisfactionMetric, {"compute": 3}, "compute is 3"),
        (SatisfactionMetric, {"dimension": "behavior"}, "Did you mean 'behaviour'"),
        (SatisfactionMetric, {"needs": "play"}, "needs is 'play'"),
        (SatisfactionMetric, {"bounds": (1, 0)}, "give the lower one first"),
        (SatisfactionMetric, {"bounds": 1}, "bounds is 1"),
        (EncoderSpec, {"make": None}, "make is None"),
        (EncoderSpec, {"make": lambda: None}, "make takes ()"),
        (RecommenderSpec, {"grid": {"k": 5}}, "grid['k'] is 5"),
        (RecommenderSpec, {"reads": "yes"}, "reads is 'yes'; give one of "),
        (RecommenderSpec, {"control": "letters"}, "control is 'letters'"),
        (RecommenderSpec, {"controls": ["words"]}, "controls is ['words']; give a tuple"),
        (RerankerSpec, {"parameters": None}, "parameters is None"),
        (RerankerSpec, {"description": " "}, "description is ' '"),
    ],
)
def test_a_fault_is_told_by_field_with_what_was_given(kind: type, change: dict[str, Any], fault: str) -> None:
    [sentence] = faults(dataclasses.replace(of(kind), **change))
    assert fault in sentence


def test_a_template_may_name_what_the_domain_has() -> None:
    reasons = {"because": "like {title}, {topic} too", "no-history-market": "popular in {market}"}
    assert faults(dataclasses.replace(DOMAIN, topics="genres", market="country", reasons=reasons)) == []


def test_all_faults_are_told_together() -> None:
    assert len(faults(dataclasses.replace(DOMAIN, name="", kinds=None, positive=None))) == 3


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.just(int),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(spec=st.sampled_from(SPECS), junk=st.data())
def test_no_junk_in_a_field_makes_the_check_itself_raise(spec: Any, junk: st.DataObject) -> None:
    name = junk.draw(st.sampled_from([field.name for field in dataclasses.fields(spec)]))
    for fault in faults(dataclasses.replace(spec, **{name: junk.draw(ANYTHING)})):
        assert isinstance(fault, str)
