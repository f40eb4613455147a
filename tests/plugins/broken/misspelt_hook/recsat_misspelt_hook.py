from recsat import Domain, hookimpl


@hookimpl
def recsat_metric(domain: Domain) -> list[object]:
    return []
