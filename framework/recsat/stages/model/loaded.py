"""A model that answers: lists from a model folder, without a fit, a store or a write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.profile_text import ProfileText
from recsat.arms.saved import ArmItems, load_arm
from recsat.config.settings import RunConfig
from recsat.config.sources import check_domain_config
from recsat.contract.arm import Recommender, Recounted
from recsat.contract.domain import CandidateFilter, Domain, FilterContext
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.contract.reranker import LearnedReranker, TextReranker
from recsat.data.moments import LIKELY, moved_on
from recsat.errors import ConfigError, SavedModelError
from recsat.lists.attributes import attributes_of
from recsat.lists.filters import FilterPlan, plan_filters
from recsat.lists.make import Steps, lists_of, steps_of
from recsat.lists.request import Request, Retriever
from recsat.lists.requests import request_filters
from recsat.lists.topics import CatalogueTopics, catalogue_topics
from recsat.plugins import Plugins, load_plugins
from recsat.stages.model.card import ModelCard
from recsat.stages.model.explanation import Explanation
from recsat.stages.model.files import (
    ARM,
    EVENTS,
    FALLBACKS,
    FILTERS,
    HISTORIES,
    ITEMS,
    RERANKER,
    USERS,
    VECTORS,
    ModelFiles,
    copy_model,
    open_model,
)
from recsat.stages.model.fold_in import folded
from recsat.stages.model.histories import Histories, histories_of, rows_of
from recsat.stages.model.rules import StandingRules, check_masks, saved_filters, standing_rules
from recsat.stages.model.tables import ModelTables
from recsat.stages.promotion.record import PromotedModel, promoted_domains, promoted_model
from recsat.stages.trial.request import request_of, reranker_of

FALLBACK_TYPES: Mapping[str, type[ProfileText] | type[MarketPopularity]] = {
    one.__name__: one for one in (ProfileText, MarketPopularity)
}
MOST_PLACES = 1_000
"""Longest list."""
CANDIDATES_FOR_A_PLACE, FEWEST_CANDIDATES = 3, 50
"""How many candidates an index is asked for: more than places, since texts may be centred by another mean there."""


@dataclass(frozen=True)
class ModelAudience:
    """Who is served by a model in one request: see :class:`~recsat.lists.make.Audience`."""

    catalogue: Catalogue
    users: UserBatch
    plan: FilterPlan
    fallbacks: Sequence[Recommender]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The arm that led in a run, fitted on everything that the run knew, with all that makes lists of it.

    ::

        model = Model.load("runs/latest")
        model.recommend(["1", "2"], k=10, exclude=["318"])

    Nothing is fitted, published or written. A model with other histories or another arm is ``dataclasses.replace`` of this one.
    """

    fingerprint: str
    """SHA-256 over everything in the model folder."""
    card: ModelCard
    domain: Domain
    catalogue: Catalogue
    vectors: Mapping[str, NDArray[np.float32]]
    """Item vectors by name, (n_items, d): those that arm, fallbacks and reranker read."""
    events_schema: Mapping[str, pl.DataType]
    """Columns of the domain's events, and their types."""
    histories: Histories
    rules: Mapping[str, CandidateFilter]
    """The run's filters by name, in their order, as the plugins give them."""
    item_masks: pl.DataFrame
    """A column for each of ``rules``: False where it removes the item for everybody."""
    tables: ModelTables
    arm: Recommender
    fallbacks: Sequence[Recommender]
    """Who fills a place that the arm leaves empty, in order."""
    request: Request
    """How the run asks for lists, its reranker included."""
    run_folder: Path
    """Of the run that made it, where it is there."""
    retriever: Retriever | None = None
    """Where candidates come from; None: the whole catalogue is scored. See :meth:`indexed`."""
    later: pl.DataFrame | None = None
    """Events since, as far as they are folded in."""

    @classmethod
    def load(
        cls, path: str | Path, plugins: Plugins | None = None, *, domain: str | None = None, tenant: str = "default"
    ) -> Model:
        """The model of a run, of a model folder, or the one that is served in a home. ``plugins`` (None: those that are installed) must have its
        domain, arm and filters; ``domain`` and ``tenant`` say which one of a home is meant (None: the only one).

        Raises :class:`~recsat.SavedModelError` where there is none, or a file is damaged or of another format;
        :class:`~recsat.SavedArmError` for an arm of which that is true; :class:`~recsat.ConfigError` for what no plugin has.
        """
        served = served_in(Path(path), domain, tenant)
        files = open_model(Path(path) if served is None else served.path)
        run_folder = Path(served.decision.run_folder) if served is not None else files.path.parent
        return cls._of_folder(files, run_folder, plugins)

    @classmethod
    def _of_folder(cls, files: ModelFiles, run_folder: Path, plugins: Plugins | None) -> Model:
        card = files.card()
        plugins = load_plugins() if plugins is None else plugins
        config, domain = _config(files, card), plugins.domain(card.domain)
        domain_config = check_domain_config(config, domain.config)
        domain = domain.configured(domain_config)
        catalogue = Catalogue(files.table(ITEMS))
        items = ArmItems(catalogue, files.arrays(VECTORS))
        histories = histories_of(files.table(USERS), files.arrays(HISTORIES), len(catalogue))
        spec = plugins.select("arm", plugins.recommenders(domain), [card.arm])[card.arm]
        rules, masks = plugins.filters_of_run(domain, card.filters), files.table(FILTERS)
        check_masks(rules, masks)
        model = cls(
            fingerprint=files.fingerprint,
            card=card,
            domain=domain,
            catalogue=catalogue,
            vectors=items.vectors,
            events_schema=files.table(EVENTS).schema,
            histories=histories,
            rules=rules,
            item_masks=masks,
            tables=ModelTables(
                files=files,
                card=card,
                domain=domain,
                domain_config=domain_config,
                catalogue=catalogue,
            ),
            arm=load_arm(spec.make(**card.parameters), files.folder(ARM), name=card.arm, items=items),
            fallbacks=[
                load_arm(FALLBACK_TYPES[name](), files.folder(f"{FALLBACKS}/{name}"), name=name, items=items)
                for name in card.fallbacks
            ],
            request=replace(request_of(config, domain), attributes=attributes_of(domain, catalogue, domain_config)),
            run_folder=run_folder,
        )
        return model if card.reranker is None else _with_reranker(model, files, config, plugins, items)

    def save(self, path: str | Path) -> Path:
        """Copies the model folder to ``path``, whole or not at all, and returns it; :meth:`load` reads it anywhere.

        Raises :class:`~recsat.SavedModelError` where ``path`` has something that is no model, where the model's own folder has changed since it was
        loaded, and for a model with later events, which no file has.
        """
        if self.later is not None:
            raise SavedModelError(
                "a model with later events is not saved: the feedback log has them. Save the model that was loaded."
            )
        return copy_model(self.tables.files, self.fingerprint, Path(path))

    def recommend(
        self,
        users: Sequence[str],
        k: int | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        kinds: Sequence[str] = (),
    ) -> pl.DataFrame:
        """Lists (user_id, item_id, title, rank, score, arm, reason, fallback) for ``users``, best first.

        ``k`` is the length of a list (None: as in the run). ``include`` has the item ids that alone may be shown and ``kinds`` the kinds
        (empty: all), ``exclude`` the ids that must not be. The run's filters hold besides. A user who is not known gets the fallback's
        list, and its reasons say so. Raises :class:`~recsat.errors.UnknownItem` for an id, or a kind, that the catalogue does not have,
        and :class:`~recsat.ConfigError` for a ``k`` that is none.
        """
        audience = self._served(users, request_filters(self.catalogue, include=include, exclude=exclude, kinds=kinds))
        request = self.asking(audience.users, k)
        retriever = self.retriever
        lists = lists_of(audience, self.card.arm, self.arm, request, retriever=retriever, topics=self.topics).lists
        titles = self.catalogue.items[self.domain.title].cast(pl.String).alias("title")
        titles = titles[self.catalogue.positions(lists["item_id"])]
        return lists.clone().insert_column(lists.get_column_index("rank"), titles)

    @property
    def source(self) -> str:
        """Where candidates come from: ``qdrant:<vector>``, or ``catalogue`` where every item is scored."""
        return "catalogue" if self.retriever is None else f"qdrant:{self.arm.vector}"

    @contextmanager
    def indexed(self) -> Iterator[Model]:
        """The model whose :meth:`recommend` takes candidates from the index that its run published, and scores these alone.

        Lists are those of the whole catalogue as far as the index finds what is nearest (``candidate_recall`` of the run's report), for an arm whose
        score is the inner product with a vector of the index; any other arm's model comes back as it is. An embedded store is
        held while this is open, so that runs wait; a server's is not. :meth:`why` goes on scoring the whole catalogue. Raises
        :class:`~recsat.SavedModelError` where run or index is gone, and :class:`~recsat.StoreError` for a store that cannot be opened.
        """
        from recsat.stages.model.indexed import indexed

        with indexed(self) as model:
            yield model

    def why(
        self,
        user: str,
        item: str,
        k: int | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        kinds: Sequence[str] = (),
    ) -> Explanation:
        """Why ``item`` is in the list of ``user`` that :meth:`recommend` makes of the same request, or is not, and what would change that.

        An item that the catalogue does not have is an answer (``step`` is ``catalogue``). Raises as :meth:`recommend` does.
        """
        from recsat.stages.model.why import explained

        return explained(self, user, item, k, include=include, exclude=exclude, kinds=kinds)

    def steps(self, audience: ModelAudience, request: Request) -> Iterator[Steps]:
        """How the lists of :meth:`recommend` come about, block by block: what filters leave, scores, the reranker's places, fallbacks."""
        return steps_of(audience, self.arm, request)

    def audience(
        self,
        users: Sequence[str],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        kinds: Sequence[str] = (),
    ) -> ModelAudience:
        """``users``, each once, under the run's filters and those of the request."""
        return self.under(users, self.rules_of_request(include=include, exclude=exclude, kinds=kinds))

    def rules_of_request(
        self, *, include: Sequence[str] = (), exclude: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> dict[str, CandidateFilter]:
        """The run's filters by name, and those of a request."""
        return {
            **self.filters,
            **request_filters(self.catalogue, include=include, exclude=exclude, kinds=kinds),
        }

    def under(self, users: Sequence[str], filters: Mapping[str, CandidateFilter]) -> ModelAudience:
        """``users``, each once, under these ``filters`` alone."""
        batch = self.histories.batch(list(dict.fromkeys(users)))
        plan = plan_filters(filters, self.catalogue, batch.ids, self.tables.of_items)
        return ModelAudience(self.catalogue, replace(batch, now=self.now), plan, self.fallbacks)

    def _served(self, users: Sequence[str], of_request: Mapping[str, CandidateFilter]) -> ModelAudience:
        """As :meth:`audience`, by what holds for every request; what each filter removes is not counted."""
        ids = list(dict.fromkeys(users))
        rows = self.histories.rows(ids)
        seen = rows_of(self.histories.seen, rows % (len(self.histories) + 1))
        plan = self.standing.plan(seen, ids, of_request, self.catalogue, self._filter_context)
        return ModelAudience(self.catalogue, replace(self.histories.at(rows, ids), now=self.now), plan, self.fallbacks)

    def _filter_context(self) -> FilterContext:
        """What the filters that are asked anew look at: tables are read where one looks at users."""
        return self.context if self.standing.of_users else self.tables.of_items

    def asking(self, users: UserBatch, k: int | None = None) -> Request:
        """The run's request for lists of ``k`` items, with a reranker that reads told what it needs of ``users``."""
        request, k = self.request, self.request.k if k is None else k
        if not 1 <= k <= MOST_PLACES:
            raise ConfigError(f"k must be from 1 to {MOST_PLACES}, not {k}.")
        reranker = request.reranker
        if isinstance(reranker, TextReranker):
            reranker = reranker.with_texts(self.tables.item_texts, self.tables.texts_of(users, self.context.known))
        if self.retriever is not None and reranker is None:
            return replace(request, k=k, n_candidates=max(CANDIDATES_FOR_A_PLACE * k, FEWEST_CANDIDATES), recall=False)
        n_candidates = max(request.n_candidates, k)
        return replace(request, k=k, n_candidates=n_candidates, reranker=reranker, recall=self.retriever is None)

    def unknown(self, users: Sequence[str]) -> list[str]:
        """Those of ``users`` of whom nothing was known when the model was fitted."""
        rows = self.histories.rows(users)
        return [user for user, row in zip(users, rows.tolist(), strict=True) if row < 0]

    def after(self, events: pl.DataFrame, users: Sequence[str] | None = None) -> Model:
        """The model as if it had known later ``events`` of the domain; nothing is fitted, and what arm and fallbacks count moves.

        Events on items that the catalogue does not have are left aside. With ``users`` it serves these alone, at the price of theirs,
        and counts stay; without, everybody, and popularity and recency move (:class:`~recsat.contract.arm.Recounted`). See
        :mod:`recsat.stages.model.fold_in`.
        """
        has_item = self.catalogue.has(events["item_id"])
        known = events if has_item.all() else events.filter(has_item)
        model = replace(
            self,
            histories=folded(self.histories, known, self.domain, self.catalogue, users),
            later=known if self.later is None else pl.concat([self.later, known]),
        )
        vars(model)["topics"], vars(model)["standing"] = self.topics, self.standing  # of items alone
        return model if users is not None else model.recounted()

    def recounted(self) -> Model:
        """The model whose arm and fallbacks have counted anew what is known now."""

        def moved(arm: Recommender) -> Recommender:
            return arm.recounted(self.train) if isinstance(arm, Recounted) else arm

        model = replace(self, arm=moved(self.arm), fallbacks=[moved(one) for one in self.fallbacks])
        vars(model)["topics"], vars(model)["standing"] = self.topics, self.standing
        return model

    @cached_property
    def filters(self) -> Mapping[str, CandidateFilter]:
        """``rules``, with what is saved in the place of what they would say of items and of what a user has seen."""
        return saved_filters(self.rules, self.item_masks, self.histories, self.catalogue, lambda: self.context)

    @cached_property
    def standing(self) -> StandingRules:
        """``filters``, put together for all requests."""
        return standing_rules(self.rules, self.item_masks, self.catalogue)

    @cached_property
    def context(self) -> FilterContext:
        """What filters look at for a user: what the run knew, and the events since."""
        saved = self.tables.context
        if self.later is None or self.later.is_empty():
            return saved
        events = pl.concat([saved.known.events, self.later.select(saved.known.events.columns)])
        now = moved_on(saved.now, self.later["timestamp"])
        return replace(saved, known=replace(saved.known, events=events), now=now)

    @cached_property
    def topics(self) -> CatalogueTopics | None:
        """What reasons may name; None where the domain has no topics."""
        column = self.domain.topics
        return None if column is None else catalogue_topics(self.catalogue.items, column)

    @cached_property
    def train(self) -> TrainingData:
        """What the arm was fitted on, with the item vectors that the model has."""
        users, raters = self.histories.learnt_from, self.histories.raters
        return TrainingData(self.catalogue, users, self.vectors, seed=self.card.seed, raters=raters, now=self.now)

    @cached_property
    def now(self) -> float | None:
        """The moment at which lists are made, seconds since 1970: that of the last known event; None where events have no times."""
        times = self.histories.times
        if (
            times is None or not times.nnz or float(times.data.max()) < LIKELY[0]
        ):  # positions stand for times that no event has
            return None
        last = self.card.last_event
        return (last if self.later is None else moved_on(last, self.later["timestamp"])).timestamp()


def served_in(path: Path, domain: str | None, tenant: str) -> PromotedModel | None:
    """The model that is served in the home ``path``; None where it is no home, or nothing was promoted there."""
    domains = promoted_domains(path, tenant)
    if domain is None and len(domains) > 1:
        raise ConfigError(f"home {path} serves models of {', '.join(domains)}. Name one: domain={domains[0]!r}.")
    served = promoted_model(path, domain or domains[0], tenant) if domains else None
    if served is None and domain is not None:
        raise SavedModelError(f"no model of domain {domain!r} is served in {path}. Promote one: recsat promote RUN.")
    return served


def _config(files: ModelFiles, card: ModelCard) -> RunConfig:
    try:
        return RunConfig.model_validate(card.config)
    except ValidationError as error:
        raise SavedModelError(
            f"{files.path}: its settings are not those of this version of recsat. Install the one that wrote it, or run the run again."
        ) from error


def _with_reranker(model: Model, files: ModelFiles, config: RunConfig, plugins: Plugins, items: ArmItems) -> Model:
    """``model`` with the run's reranker, as it had learnt."""
    from recsat.stages.trial.examples import features_of

    make = reranker_of(config, model.domain, plugins)
    assert make is not None, "the card has the reranker of this configuration"
    reranker = make()
    if isinstance(reranker, LearnedReranker):
        reranker = load_arm(reranker, files.folder(RERANKER), name=str(model.card.reranker), items=items)
    features = features_of(model.train, model.domain.topics, model.request.device)
    return replace(model, request=replace(model.request, reranker=reranker, features=features))
