"""The rerankers that recsat brings, by name. Light: a reranker's module is imported when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsat.builtin.lazy import lazy
from recsat.contract.domain import Domain, RerankerSpec
from recsat.contract.reranker import CLASSIFIED, DEPTH
from recsat.errors import ConfigError

if TYPE_CHECKING:
    from recsat.contract.reranker import Reranker

_COMMON = {"depth": DEPTH, "order": "score"}
_AFTER = {"then": None, "trade_off": None}


def rerankers_of(domain: Domain) -> list[RerankerSpec]:
    """Every reranker for ``domain``; one that the domain lacks something for raises :class:`ConfigError` when it is made."""
    return [
        RerankerSpec(
            name="mmr",
            description="Maximal marginal relevance: relevant, and unlike the nearest item of the list.",
            make=lazy("recsat.rerank.mmr:MaximalMarginalRelevance"),
            parameters={"trade_off": 0.2, **_COMMON},
        ),
        RerankerSpec(
            name="msd",
            description="Max-sum diversification: mean relevance against intra-list diversity itself.",
            make=lazy("recsat.rerank.msd:MaxSumDiversification"),
            parameters={"trade_off": 0.3, **_COMMON},
        ),
        RerankerSpec(
            name="dpp",
            description="Determinantal point process: relevant items whose vectors span the largest volume.",
            make=lazy("recsat.rerank.dpp:DeterminantalPointProcess"),
            parameters={"trade_off": 0.1, **_COMMON},
        ),
        RerankerSpec(
            name="xquad",
            description="xQuAD: relevant, and of topics of the user's history that the list does not cover yet.",
            make=partial(_xquad, domain),
            parameters={"trade_off": 0.2, **_COMMON},
        ),
        RerankerSpec(
            name="calibrated",
            description="Calibrated: topics in the shares that the user's history has.",
            make=partial(_calibrated, domain),
            parameters={"trade_off": 0.3, **_COMMON},
        ),
        RerankerSpec(
            name="budget",
            description="Diversity by another reranker, as much as a share `loss` of the expected nDCG buys.",
            make=partial(_budget, domain),
            parameters={"loss": 0.01, "by": "msd", "depth": DEPTH},
        ),
        RerankerSpec(
            name="value",
            description="Expected value: probability of each event times its worth; then another reranker, if one is named.",
            make=partial(_value, domain),
            parameters={"depth": DEPTH, **_AFTER},
        ),
        RerankerSpec(
            name="classifier",
            description="A classifier of recsat finetune: likes by probability; then another reranker, if one is named.",
            make=partial(_classifier, domain),
            parameters={"model": None, "depth": CLASSIFIED, **_AFTER},
        ),
        RerankerSpec(
            name="language-model",
            description="A language model that reads: log p(item | user) of a causal model, or the order that a served model answers with.",
            make=partial(_language_model, domain),
            parameters={
                "model": None,
                "url": None,
                "served_model": None,
                "share": 0.5,
                "depth": CLASSIFIED,
                "most_requests": 1_000,
                "answers": None,
                "then": None,
            },
        ),
    ]


def _xquad(domain: Domain, **parameters: Any) -> Reranker:
    from recsat.rerank.xquad import XQuAD

    _check_topics("xquad", domain)
    return XQuAD(**parameters)


def _calibrated(domain: Domain, **parameters: Any) -> Reranker:
    from recsat.rerank.calibrated import Calibrated

    _check_topics("calibrated", domain)
    return Calibrated(**parameters)


def _check_topics(name: str, domain: Domain) -> None:
    if domain.topics is None:
        raise ConfigError(
            f"rank.reranker: {name!r} needs topics, and domain {domain.name!r} names no topics column. "
            "Choose mmr or dpp, or set Domain.topics in the plugin."
        )


def _value(domain: Domain, *, then: str | None = None, trade_off: float | None = None, **parameters: Any) -> Reranker:
    from recsat.rerank.value import ExpectedValue

    if not domain.worth:
        raise ConfigError(
            f"rank.reranker: 'value' needs to know what events are worth, and domain {domain.name!r} does not say. "
            "Set Domain.worth in the plugin, e.g. worth={'purchase': 1.0}, or choose another reranker."
        )
    return ExpectedValue(domain.worth, then=_after(domain, then, trade_off), **parameters)


def _classifier(
    domain: Domain, *, model: str | None, then: str | None = None, trade_off: float | None = None, **parameters: Any
) -> Reranker:
    from recsat.rerank.classifier import ClassifierReranker, classifier_folder

    if model is None:
        raise ConfigError(
            "rank.reranker: 'classifier' needs a trained model. Train one with recsat finetune "
            f"{domain.name} --classifier, and set rank.reranker_parameters.model to its run's folder."
        )
    return ClassifierReranker(classifier_folder(Path(model)), then=_after(domain, then, trade_off), **parameters)


def _language_model(
    domain: Domain,
    *,
    model: str | None,
    url: str | None,
    served_model: str | None,
    most_requests: int,
    answers: str | None,
    then: str | None,
    **parameters: Any,
) -> Reranker:
    from recsat.rerank.language_model import LanguageModel, scorer_of

    scorer = scorer_of(model=model, url=url, served_model=served_model, most_requests=most_requests, answers=answers)
    return LanguageModel(scorer, then=_after(domain, then, None), **parameters)


def _after(domain: Domain, then: str | None, trade_off: float | None) -> Reranker | None:
    """What reranks by the scores of another reranker: one that neither learns nor reads texts."""
    if then is None:
        if trade_off is not None:
            raise ValueError("trade_off belongs to the reranker that comes after; name it in `then`")
        return None
    return _other("then", then, domain, {} if trade_off is None else {"trade_off": trade_off})


def _budget(domain: Domain, *, by: str = "msd", **parameters: Any) -> Reranker:
    from recsat.rerank.budget import DiversityBudget
    from recsat.rerank.greedy import Greedy

    diversifier = _other("by", by, domain, {})
    if not isinstance(diversifier, Greedy):
        raise ValueError(f"by must be a reranker with a trade-off, not {by!r}")
    return DiversityBudget(by=diversifier, **parameters)


def _other(parameter: str, name: str, domain: Domain, settings: Mapping[str, Any]) -> Reranker:
    """The reranker to which another hands its candidates: one that needs no other, neither learns nor reads texts."""
    others = {spec.name: spec for spec in rerankers_of(domain) if not {"then", "by"} & spec.parameters.keys()}
    if name not in others:
        raise ValueError(f"{parameter} must be one of {', '.join(others)}, not {name!r}")
    return others[name].make(**settings)
