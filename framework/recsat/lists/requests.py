"""Rules of one request: which items it asks for and which it will not have."""

from __future__ import annotations

from collections.abc import Sequence

from recsat.contract.domain import CandidateFilter
from recsat.contract.interactions import Catalogue
from recsat.contract.rules import field
from recsat.errors import UnknownItem


def request_filters(
    catalogue: Catalogue,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    kinds: Sequence[str] = (),
) -> dict[str, CandidateFilter]:
    """Filters for the ids that alone may be shown, the ids that must not be, and the kinds that are asked for.

    An empty sequence asks for nothing. Raises :class:`UnknownItem` for an id, or a kind, that the catalogue does not have.
    """
    catalogue.positions([*include, *exclude])
    present = catalogue.items["kind"].unique().sort().to_list() if kinds else []
    for kind in kinds:
        if kind not in present:
            raise UnknownItem(f"no item of the catalogue is of kind {kind!r}. It has: {', '.join(present)}.")
    rules: dict[str, CandidateFilter] = {}
    if include:
        only = list(include)
        rules["request.include"] = CandidateFilter(
            name="include",
            description="Items that the request names.",
            keep=lambda items, context: items["item_id"].is_in(only),
        )
    if exclude:
        never = list(exclude)
        rules["request.exclude"] = CandidateFilter(
            name="exclude",
            description="All but the items that the request rules out.",
            keep=lambda items, context: ~items["item_id"].is_in(never),
        )
    if kinds:
        rules["request.kinds"] = CandidateFilter(
            name="kinds",
            description="Items of the kinds that the request asks for.",
            rule=field("kind").is_in(list(kinds)),
        )
    return rules
