"""What recsat itself registers through its own hooks: encoders, filters, arms, rerankers. Their names are bare; a plugin's are qualified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from recsat.contract.domain import CandidateFilter, Domain, EncoderSpec, RecommenderSpec, RerankerSpec
from recsat.contract.hooks import hookimpl


@hookimpl
def recsat_encoders() -> Iterable[EncoderSpec]:
    from recsat.builtin.encoders import ENCODERS

    return ENCODERS


@hookimpl
def recsat_filters(domain: Domain) -> Iterable[CandidateFilter]:
    from recsat.lists.filters import REJECTED, SEEN

    return [SEEN, REJECTED]


@hookimpl
def recsat_recommenders(domain: Domain) -> Iterable[RecommenderSpec]:
    from recsat.builtin.arms import RECOMMENDERS

    return RECOMMENDERS


@hookimpl
def recsat_rerankers(domain: Domain) -> Iterable[RerankerSpec]:
    from recsat.builtin.rerankers import rerankers_of

    return rerankers_of(domain)


@hookimpl
def recsat_on_metrics(stage: str, folder: Path, step: int, values: Mapping[str, float]) -> None:
    from recsat.builtin.tracking import track

    track(stage, folder, step, values)
