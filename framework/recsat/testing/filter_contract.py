"""The tests that a filter inherits: for filters that a plugin adds to any domain. A domain's own are in DomainContract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import polars as pl

from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.plugins import faults
from recsat.testing.check_filters import check_filter

REQUIRED = ("item_id", "kind", "title")
"""Item columns in which no dataset has nulls."""


class FilterContract:
    """Inherit, name your filter and what it is tried on, done.

    .. code-block:: python

        from datetime import UTC, datetime
        from recsat import FilterContext
        from recsat.testing import FilterContract
        from recsat_compliance import NOT_WITHDRAWN
        from recsat_books.domain import BOOKS, BooksConfig

        class TestNotWithdrawn(FilterContract):
            rule = NOT_WITHDRAWN

            def contexts(self) -> list[FilterContext]:
                config = BooksConfig()
                return [FilterContext(known=BOOKS.load(config), config=config, now=datetime(2024, 1, 1, tzinfo=UTC))]
    """

    rule: ClassVar[CandidateFilter]
    removes: ClassVar[bool] = True
    """False where it need not remove anything under any of the contexts."""

    def contexts(self) -> Sequence[FilterContext]:
        """What it is tried on: data, settings and a moment, some of which make it bite."""
        raise NotImplementedError("name what the filter is tried on: contexts returns FilterContexts")

    def test_it_has_what_the_contract_asks_for(self) -> None:
        wrong = faults(self.rule)
        assert not wrong, f"filter {self.rule.name!r} has faults: {'; '.join(wrong)}"

    def test_it_only_removes_and_its_halves_agree(self) -> None:
        bites = check_filter(self.rule, self.contexts())
        assert bites or not self.removes, (
            f"filter {self.rule.name} removes nothing under any of its contexts. Add items or settings that it bites on, or "
            "set removes = False."
        )

    def test_its_halves_agree_where_an_items_field_is_not_known(self) -> None:
        for context in self.contexts():
            items = context.known.items
            optional = [name for name in items.columns if name not in REQUIRED]
            for name in optional:
                gaps = items.with_columns(pl.when(pl.int_range(pl.len()) % 3 != 0).then(pl.col(name)))
                check_filter(self.rule, [replace(context, known=replace(context.known, items=gaps))])

    def test_its_kinds_are_kinds_of_the_items(self) -> None:
        for context in self.contexts():
            absent = sorted(set(self.rule.kinds or ()) - set(context.known.items["kind"]))
            assert not absent, (
                f"filter {self.rule.name}: no item is of kinds {absent}, so it never removes any. Mend kinds, or try it on such items."
            )

    def test_users_of_whom_nothing_is_known_are_answered(self) -> None:
        new_user = pl.Series("user_id", ["nobody has this id"])
        for context in self.contexts():
            for part in (self.rule.exclude, self.rule.allow):
                if part is None:
                    continue
                others = set(part(new_user, context)["user_id"]) - set(new_user)
                assert not others, f"filter {self.rule.name}: asked for a new user it answers for {min(others)!r}."
                pairs = part(new_user.clear(), context)
                assert pairs.is_empty(), f"filter {self.rule.name}: asked for nobody it gives {pairs.height} pairs."
