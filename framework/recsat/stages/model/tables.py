"""The tables that a model keeps for filters and rerankers that look at them for a user; read when they are first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain, FilterContext
from recsat.contract.interactions import Catalogue, UserBatch
from recsat.data.schema import TABLES
from recsat.stages.model.card import ModelCard
from recsat.stages.model.files import TEXTS, ModelFiles
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.users import Texts


@dataclass(frozen=True, kw_only=True)
class ModelTables:
    """What was known when the model was fitted, as far as the model keeps it."""

    files: ModelFiles
    card: ModelCard
    domain: Domain
    domain_config: Any
    catalogue: Catalogue

    @property
    def of_items(self) -> FilterContext:
        """What a rule over items alone may look at: the catalogue, and no event."""
        events = pl.DataFrame(schema={name: rule.dtype for name, rule in TABLES["events"].items()})
        return self._context(Dataset(items=self.catalogue.items, events=events))

    @cached_property
    def context(self) -> FilterContext:
        """What filters look at for a user, at the moment when the model was fitted."""
        users, exposures, ties = (
            self.files.optional_table(f"known/{name}.parquet") for name in ("users", "exposures", "ties")
        )
        assert users is not None, "written beside the events"
        events = self.files.table("known/events.parquet")
        return self._context(
            Dataset(items=self.catalogue.items, events=events, users=users, exposures=exposures, ties=ties)
        )

    @cached_property
    def item_texts(self) -> list[str]:
        """By item index."""
        return self.files.table(TEXTS)["text"].to_list()

    def texts_of(self, users: UserBatch, known: Dataset) -> Mapping[str, str]:
        """What is ``known`` of ``users`` in the domain's words, by id; see :class:`~recsat.stages.trial.users.Texts`."""
        inputs = RunInputs(dataset=known, catalogue=self.catalogue, domain=self.domain, filters={}, vectors={})
        return Texts(inputs, known.events, users).of_users

    def _context(self, known: Dataset) -> FilterContext:
        now, rejections = self.card.last_event, self.domain.rejections
        return FilterContext(known=known, config=self.domain_config, now=now, rejections=rejections)
