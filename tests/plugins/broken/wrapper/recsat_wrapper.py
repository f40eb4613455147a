from collections.abc import Generator

from recsat import Domain, hookimpl


@hookimpl(wrapper=True)
def recsat_metrics(domain: Domain) -> Generator[None, list[object], list[object]]:
    return (yield)[:1]
