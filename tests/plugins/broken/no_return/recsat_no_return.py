from recsat import CandidateFilter, Domain, hookimpl


@hookimpl
def recsat_filters(domain: Domain) -> None:
    CandidateFilter(name="quiet", description="Never handed over.")
