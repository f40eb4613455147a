"""Files that arms learn from, held against the run's encoder and catalogue before anything is embedded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from recsat.contract.interactions import Catalogue
from recsat.run.stage import StageContext

SUMS, PRIOR = "sums", "prior"


def refuse_other_encoders(context: StageContext, arms: Collection[str], catalogue: Catalogue) -> None:
    """Raises ConfigError for sums of silos over another catalogue or another encoder's vectors, and for a prior map that was learnt with another encoder.

    The encoder is opened only where an arm has such a file.
    """
    from recsat.arms.federated import catalogue_fingerprint, read_sums
    from recsat.arms.linear.transfer import encoder_of_mapping, refuse_other_encoder

    files = {name: _files(context.config.parameters.get(name, {})) for name in arms}
    if not any(files.values()):
        return
    encoder = context.plugins.encoder(context.config.encoder.name).make(context.config.encoder).fingerprint
    for name, of_arm in files.items():
        if SUMS in of_arm:
            read_sums(of_arm[SUMS], with_arrays=False).check(name, catalogue_fingerprint(catalogue), encoder)
        if PRIOR in of_arm:
            refuse_other_encoder(of_arm[PRIOR], encoder_of_mapping(of_arm[PRIOR], needed=False), encoder)


def _files(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Paths by parameter; a prior may also be a number or one of two words."""
    from recsat.arms.aligned import BETTER
    from recsat.arms.linear.transfer import IDENTITY

    values = {name: parameters.get(name) for name in (SUMS, PRIOR)}
    return {name: value for name, value in values.items() if isinstance(value, str) and value not in (IDENTITY, BETTER)}
