"""How a run asks for lists, from its configuration."""

from __future__ import annotations

from collections.abc import Callable

from recsat.config.settings import RunConfig
from recsat.contract.domain import Domain
from recsat.contract.reranker import Reranker
from recsat.embed.device import pick_device
from recsat.lists.request import Request
from recsat.plugins import Plugins
from recsat.rerank.make import make_reranker


def request_of(config: RunConfig, domain: Domain) -> Request:
    """The run's way of asking for lists, without its reranker."""
    rank = config.rank
    return Request(
        k=rank.k,
        n_candidates=max(rank.n_candidates, rank.k),
        device=pick_device(rank.device),
        user_block=rank.user_block,
        seed=config.seed,
        templates=domain.reasons,
        title=domain.title,
        topics=domain.topics,
    )


def reranker_of(config: RunConfig, domain: Domain, plugins: Plugins) -> Callable[[], Reranker] | None:
    """Makes the run's reranker; None where it names none."""
    rank = config.rank
    if rank.reranker is None:
        return None
    spec = plugins.select("reranker", plugins.rerankers(domain), [rank.reranker])[rank.reranker]
    return lambda: make_reranker(spec, rank.reranker_parameters)
