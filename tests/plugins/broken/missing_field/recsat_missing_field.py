from recsat import Dataset, Domain, DomainConfig, hookimpl


@hookimpl
def recsat_domain() -> Domain:
    return Domain(  # type: ignore[call-arg]
        name="missing_field",
        description="Has no kinds, positive and texts.",
        config=DomainConfig,
        load=lambda config: Dataset(items=None, events=None),
    )
