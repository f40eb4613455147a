from collections.abc import Iterable

from recsat import CandidateFilter, Domain, hookimpl


@hookimpl
def recsat_filters(domain: Domain) -> Iterable[CandidateFilter]:
    yield CandidateFilter(name="fine", description="Comes before the error.", keep=lambda items, context: items["ok"])
    raise KeyError("list_of_banned_items")
