from recsat import Domain, hookimpl


@hookimpl
def recsat_metrics(domian: Domain) -> list[object]:
    return []
