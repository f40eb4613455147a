"""Field by field: what is wrong with an object that a plugin gave. Every fault says what to give instead."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, get_args

import polars as pl

from recsat.config.settings import Control
from recsat.contract.domain import (
    CandidateFilter,
    Dimension,
    Domain,
    DomainConfig,
    EncoderSpec,
    Reads,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
)
from recsat.contract.reasons import PLACEHOLDERS, unknown_placeholders
from recsat.contract.rules import PayloadType, Rule
from recsat.errors import did_you_mean
from recsat.plugins._record import listed

READS = get_args(Reads)
CONTROLS = get_args(Control)
SNAKE = "[a-z][a-z0-9_]*"
KEBAB = "[a-z][a-z0-9_-]*"
"""Encoders and arms are model names, which people write with hyphens."""
USUAL_SETTINGS = ("folder", "layout")
"""What short forms show of a domain that names nothing, where it has them."""
SETTINGS_OF_A_SHORT_RUN = ("effort", "k", "reranker")


def faults(spec: object) -> list[str]:
    """What is wrong with ``spec``, an instance of one of the types of the contract; empty where nothing is."""
    return list(CHECKS[type(spec)](spec))


def is_exactly(value: Any, kind: type) -> bool:
    """Whether the type is this one; not a subclass, whose further fields nothing would check."""
    return type(value) is kind


def _domain(domain: Domain) -> Iterator[str]:
    yield from _named(domain, SNAKE)
    if not (isinstance(domain.config, type) and issubclass(domain.config, DomainConfig)):
        yield f"config is {domain.config!r}; give a class that inherits from recsat.DomainConfig"
    else:
        yield from _short_form(domain)
    yield from _function(domain, "load", "config")
    yield from _function(domain, "describe_item", "items")
    yield from _function(domain, "describe_user", "users", "history")
    for field in ("item_vectors", "item_pictures", "item_attributes"):
        if getattr(domain, field) is not None:
            yield from _function(domain, field, "items", "config")
    if not isinstance(domain.positive, pl.Expr):
        yield f"positive is {domain.positive!r}; give a polars expression over events, e.g. pl.col('value') >= 4"
    yield from _strings(domain, "kinds")
    if domain.topics is not None and not _is_text(domain.topics):
        yield f"topics is {domain.topics!r}; name a list-of-strings column of items, or give None"
    if not _is_text(domain.title):
        yield f"title is {domain.title!r}; name the item column that people read in lists"
    if domain.rating is not None and not _is_text(domain.rating):
        yield f"rating is {domain.rating!r}; name the event whose value is a rating, or give None"
    if domain.market is not None and not _is_text(domain.market):
        yield f"market is {domain.market!r}; name a text column of users, or give None"
    yield from _mapping(domain, "units", _is_text, "the unit of the event's value, e.g. {'rating': 'stars'}")
    yield from _mapping(domain, "worth", _is_number, "a finite number for each event")
    yield from _mapping(domain, "reasons", _is_text, "a sentence for each reason code")
    yield from _templates(domain)
    yield from _mapping(domain, "demo", lambda value: True, "settings of a run")
    yield from _mapping(
        domain, "samples", lambda value: isinstance(value, Mapping), "settings of a run for each sample"
    )
    yield from _members(domain, "filters", CandidateFilter)
    yield from _members(domain, "metrics", SatisfactionMetric)


def _short_form(domain: Domain) -> Iterator[str]:
    if not _all_text(domain.short_form):
        yield f"short_form is {domain.short_form!r}; give a tuple of settings of config, e.g. ('folder',)"
        return
    if unknown := set(domain.short_form) - {*domain.config.model_fields, *USUAL_SETTINGS}:
        yield f"short_form names {listed(unknown)}, which config does not have: {listed(domain.config.model_fields)}"
    if names_in_use := set(domain.short_form) & set(SETTINGS_OF_A_SHORT_RUN):
        yield f"short_form names {listed(names_in_use)}, which every short form has of its own; rename the domain's"


def _templates(domain: Domain) -> Iterator[str]:
    """What a template names must be known, and there to be named: otherwise its sentence would never be said."""
    texts = {c: t for c, t in domain.reasons.items() if _is_text(t)} if isinstance(domain.reasons, Mapping) else {}
    for code, text in texts.items():
        for unknown in unknown_placeholders(text):
            near = did_you_mean(unknown.strip("{}"), PLACEHOLDERS, 2)
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            yield f"reasons[{code!r}] has {unknown!r}; the placeholders are {known}.{near}".rstrip(".")
        for placeholder, field, fix in (
            ("topic", "topics", "name the column"),
            ("market", "market", "name the column"),
            ("relation", "item_attributes", "give the function"),
        ):
            if f"{{{placeholder}}}" in text and getattr(domain, field) is None:
                yield f"reasons[{code!r}] has {{{placeholder}}} and the domain's {field} is None; {fix}, or leave it out"


def _members(domain: Domain, field: str, expected: type) -> Iterator[str]:
    members: Any = getattr(domain, field)
    if not isinstance(members, list | tuple):
        yield f"{field} is {members!r}; give a list of recsat.{expected.__name__}"
        return
    for i, member in enumerate(members):
        if not is_exactly(member, expected):
            yield f"{field}[{i}] is {member!r}; give a recsat.{expected.__name__}"
        else:
            yield from (f"{field}[{i}] {member.name!r}: {fault}" for fault in faults(member))
    names = [member.name for member in members if is_exactly(member, expected) and _is_text(member.name)]
    yield from (f"{field} has {name!r} twice; rename one" for name in sorted({n for n in names if names.count(n) > 1}))
    if expected is CandidateFilter and _all_text(domain.kinds):
        for member in members:
            kinds: Any = getattr(member, "kinds", None)
            unknown_kinds = set(kinds) - set(domain.kinds) if _all_text(kinds) else set()
            if unknown_kinds:
                yield f"filter {member.name!r} is for kinds {listed(unknown_kinds)}, which the domain does not have: {listed(domain.kinds)}"


def _filter(rule: CandidateFilter) -> Iterator[str]:
    yield from _named(rule, SNAKE)
    parts = {
        "where": ["context"],
        "keep": ["items", "context"],
        "exclude": ["users", "context"],
        "allow": ["users", "context"],
    }
    for part, arguments in parts.items():
        if getattr(rule, part) is not None:
            yield from _function(rule, part, *arguments)
    if rule.rule is not None and not isinstance(rule.rule, Rule):
        yield f"rule is {rule.rule!r}; write one over item columns, e.g. recsat.field('price') <= 10"
    if rule.rule is not None and rule.where is not None:
        yield "it has rule and where, and a rule is pushed down already; give one of them"
    if all(getattr(rule, part) is None for part in ("rule", *parts)):
        yield "it removes nothing; give one or more of rule, where, keep, exclude, allow"
    if rule.kinds is not None:
        yield from _strings(rule, "kinds")
    if not isinstance(rule.always, bool):
        yield f"always is {rule.always!r}; give True or False"
    yield from _mapping(
        rule, "fields", lambda value: value in get_args(PayloadType), f"one of {', '.join(get_args(PayloadType))}"
    )


def _metric(metric: SatisfactionMetric) -> Iterator[str]:
    yield from _named(metric, SNAKE)
    yield from _function(metric, "compute", "judged")
    if not isinstance(metric.unit, str):
        yield f"unit is {metric.unit!r}; give a string ('' where the value has no unit)"
    yield from _choice("better", metric.better, ("higher", "lower"))
    yield from _choice("dimension", metric.dimension, get_args(Dimension))
    if not isinstance(metric.needs, frozenset | set) or not all(map(_is_text, metric.needs)):
        yield f"needs is {metric.needs!r}; give a frozenset of event names, 'exposures' or 'ties'"
    if not isinstance(metric.primary, bool):
        yield f"primary is {metric.primary!r}; give True or False"
    bounds = metric.bounds
    if not isinstance(bounds, tuple) or len(bounds) != 2 or not all(b is None or _is_number(b) for b in bounds):
        yield f"bounds is {bounds!r}; give (low, high), None where unbounded"
    elif None not in bounds and bounds[0] > bounds[1]:  # type: ignore[operator]
        yield f"bounds is {bounds!r}; give the lower one first"


def _encoder(spec: EncoderSpec) -> Iterator[str]:
    yield from _named(spec, KEBAB)
    yield from _function(spec, "make", "settings")


def _recommender(spec: RecommenderSpec) -> Iterator[str]:
    yield from _named(spec, KEBAB)
    yield from _function(spec, "make")
    for field in ("ranks_unseen_items", "predicts_ratings"):
        if not isinstance(getattr(spec, field), bool):
            yield f"{field} is {getattr(spec, field)!r}; give True or False"
    if spec.reads not in READS:
        yield f"reads is {spec.reads!r}; give one of {listed(READS)}"
    if spec.control not in (None, *CONTROLS):
        yield f"control is {spec.control!r}; give None or one of {listed(CONTROLS)}"
    if spec.control in CONTROLS and spec.reads != ("words" if spec.control == "words" else "language model"):
        yield f"reads is {spec.reads!r} of a control {spec.control!r}; give {'words' if spec.control == 'words' else 'language model'!r}"
    if not isinstance(spec.controls, tuple) or not all(control in CONTROLS for control in spec.controls):
        yield f"controls is {spec.controls!r}; give a tuple of some of {listed(CONTROLS)}"
    yield from _mapping(
        spec, "grid", lambda v: isinstance(v, list | tuple) and len(v) > 0, "a non-empty list of values to try"
    )


def _reranker(spec: RerankerSpec) -> Iterator[str]:
    yield from _named(spec, KEBAB)
    yield from _function(spec, "make")
    yield from _mapping(spec, "parameters", lambda value: True, "a default for each parameter")


CHECKS: dict[type, Callable[[Any], Iterator[str]]] = {
    Domain: _domain,
    CandidateFilter: _filter,
    SatisfactionMetric: _metric,
    EncoderSpec: _encoder,
    RecommenderSpec: _recommender,
    RerankerSpec: _reranker,
}


def _named(spec: Any, pattern: str) -> Iterator[str]:
    if not _is_text(spec.name) or not re.fullmatch(pattern, spec.name):
        yield f"name is {spec.name!r}; give one that matches ^{pattern}$"
    if not _is_text(spec.description):
        yield f"description is {spec.description!r}; give a sentence that people can read"


def _function(spec: Any, field: str, *arguments: str) -> Iterator[str]:
    function = getattr(spec, field)
    if not callable(function):
        yield f"{field} is {function!r}; give a function ({', '.join(arguments)})"
        return
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        if arguments:
            yield f"{field} takes {signature}: {error}; it is called with ({', '.join(arguments)})"


def _strings(spec: Any, field: str) -> Iterator[str]:
    values = getattr(spec, field)
    if not values or not _all_text(values):
        yield f"{field} is {values!r}; give a non-empty tuple of strings, e.g. ('movie',)"
    elif len(set(values)) < len(values):
        yield f"{field} is {values!r}; give each kind once"


def _mapping(spec: Any, field: str, fits: Callable[[Any], bool], expected: str) -> Iterator[str]:
    values = getattr(spec, field)
    if not isinstance(values, Mapping):
        yield f"{field} is {values!r}; give a mapping from names to {expected}"
        return
    for key, value in values.items():
        if not _is_text(key) or not fits(value):
            yield f"{field}[{key!r}] is {value!r}; give {expected}"


def _choice(field: str, value: Any, choices: Collection[str]) -> Iterator[str]:
    if value not in choices:
        near = did_you_mean(value, choices, 2) if isinstance(value, str) else ""
        yield f"{field} is {value!r}; give one of {', '.join(choices)}.{near}".rstrip(".")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _all_text(values: object) -> bool:
    return isinstance(values, list | tuple) and all(map(_is_text, values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
