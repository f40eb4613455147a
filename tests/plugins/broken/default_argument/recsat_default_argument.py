from recsat import Domain, hookimpl


@hookimpl
def recsat_metrics(domain: Domain | None = None) -> list[object]:
    return []
