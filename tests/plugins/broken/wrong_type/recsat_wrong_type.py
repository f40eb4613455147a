from recsat import Domain, hookimpl


@hookimpl
def recsat_metrics(domain: Domain) -> list[str]:
    return ["watch_time"]
