"""Promoting a run's model, and going back: model and alias of the index together, each decision with its evidence.

Steps, each of which a kill may be the last of: the model is copied and the run pinned; ``moving.json`` says what is coming; the alias moves;
``moving.json`` becomes ``promoted.json``; the history has a line. :func:`reconcile` makes good what a kill left: where the alias has moved it
goes on, else it forgets.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl

from recsat.atomic import replacing_folder
from recsat.config.home import places_of
from recsat.config.settings import PromoteSettings, RunConfig
from recsat.errors import RunError, SavedArmError, SavedModelError, StoreError
from recsat.lists.candidates import StoreRetriever
from recsat.measure.across_runs import JudgedLists
from recsat.measure.measures import require_comparable
from recsat.plugins import Plugins
from recsat.run.folder import RunFolder, open_run
from recsat.run.retention import PIN, pin, pin_reason, unpin
from recsat.run.stage import StageContext
from recsat.stages.compare import judged_lists
from recsat.stages.index import directions_of, publish_items, published_vectors, retriever_of
from recsat.stages.model.files import ModelFiles
from recsat.stages.model.loaded import Model
from recsat.stages.prepare import read_split
from recsat.stages.promotion.checks import finds_its_own, makes_lists, recall_of_index, whole_index, whole_model
from recsat.stages.promotion.evidence import NAME, Draws, Recipe, lists_of_fitted, lists_of_recipe, weigh
from recsat.stages.promotion.record import Against, Decision, Evidence, PromotedModel, PromotionPlace
from recsat.stages.trial.inputs import RunInputs, embedded_inputs
from recsat.store import VectorStore, alias_of, open_store
from recsat.store import promote as move_alias

WAIT_S: Final = 600.0
"""For another process that promotes."""


@dataclass(frozen=True)
class Outcome:
    """What became of a request. ``changed``: another model is served than before."""

    decision: Decision
    changed: bool


def promote(
    folder: RunFolder, plugins: Plugins, rule: PromoteSettings | None = None, why: str | None = None
) -> Outcome:
    """Serves the model of a finished run in the place of what is served, if the evidence lets it.

    ``rule`` stands for the run's own ``promote``; ``why`` for the sentence that the evidence gives, where a person decides. A refusal by the evidence is an outcome, written with its figures; nothing is
    done where the model is served already. Raises :class:`~recsat.RecsatError` where the run has no model, where index or model folder fail a
    check, where another process promotes, and for a guard by which models cannot be compared.
    """
    context = StageContext.open(folder, plugins)
    config = context.config
    rule = rule or config.promote
    for guard in rule.guards:
        require_comparable(guard, plugins.metrics(context.domain))
    with _decided(config) as (place, store):
        files, model = whole_model(context)
        served = place.promoted()
        if served is not None and served.fingerprint == files.fingerprint:
            return Outcome(served.decision, changed=False)
        published, item_index = publish_items(context, store)
        retriever = StoreRetriever(
            *(store, published.collection, item_index, config.store.hnsw_ef, published.exact),
            directions=directions_of(folder),
        )
        evidence, checks = _examined(context, model, served, retriever, rule)
        failing = [one for one in evidence if not one.holds]
        decision = Decision(
            id=uuid.uuid4().hex,
            action="refused" if failing else "promoted",
            time=datetime.now(UTC),
            policy=rule.policy,
            why=_why(rule, evidence, served) if why is None else why,
            fingerprint=files.fingerprint,
            arm=model.card.arm,
            run_id=folder.run_id,
            run_folder=str(folder.path.resolve()),
            collection=None if failing else published.collection,
            served_before=None if served is None else served.fingerprint,
            evidence=evidence,
            checks=checks,
        )
        if failing:
            place.append(decision)
            return Outcome(decision, changed=False)
        _keep_model(files, place.model_folder(files.fingerprint))
        _move(place, store, config.domain, [*place.decisions(), decision])
    return Outcome(decision, changed=True)


def keep(config: RunConfig, refused: Decision, why: str) -> Decision:
    """Writes down that a person was asked about a refusal, and keeps what is served."""
    decision = refused.model_copy(update={"id": uuid.uuid4().hex, "time": datetime.now(UTC), "why": why})
    with _decided(config) as (place, _):
        place.append(decision)
    return decision


def rollback(config: RunConfig, plugins: Plugins, why: str = "by hand") -> Outcome:
    """Serves what was served before, model and alias together; ``config`` names home, domain, tenant and store.

    Raises RunError where there is nothing to go back to, or where neither the earlier index nor the run that could publish it again is left.
    """
    with _decided(config) as (place, store):
        decisions = place.decisions()
        if len(decisions) < 2:
            what = "no model is served" if not decisions else "no earlier model is kept"
            raise RunError(
                f"{config.domain}: {what}, so there is nothing to go back to. recsat promoted shows what was decided."
            )
        current, earlier = decisions[-1], decisions[-2]
        ModelFiles(place.model_folder(earlier.fingerprint)).check_all()
        collection = _index_of(earlier, store, plugins)
        decision = earlier.model_copy(
            update={
                "id": uuid.uuid4().hex,
                "action": "rolled back",
                "time": datetime.now(UTC),
                "why": why,
                "collection": collection,
                "served_before": current.fingerprint,
                "evidence": [],
                "checks": ["every file of the model is whole"],
            }
        )
        _move(place, store, config.domain, [*decisions[:-2], decision])
    return Outcome(decision, changed=True)


def reconcile(place: PromotionPlace, store: VectorStore, domain: str) -> None:
    """Makes good what a kill left of an earlier promotion; does nothing where none was cut off."""
    moving = place.moving()
    if moving:
        if store.aliases().get(alias_of(store, domain)) == moving[-1].collection:
            place.finish()
        else:
            place.abandon()
    _tidy(place, abandoned=moving)


@contextmanager
def _decided(config: RunConfig) -> Iterator[tuple[PromotionPlace, VectorStore]]:
    """The place of the domain for this process alone, reconciled, and the open store."""
    places = places_of(config)
    place = PromotionPlace.of(Path(places.home or "."), config.domain, config.store.tenant)
    with place.locked(WAIT_S), open_store(places.store, places.store.directory) as store:
        reconcile(place, store, config.domain)
        yield place, store


def _examined(
    context: StageContext, model: Model, served: PromotedModel | None, retriever: StoreRetriever, rule: PromoteSettings
) -> tuple[list[Evidence], list[str]]:
    """What speaks for and against the model of a run."""
    config = context.config
    checks = [
        "every file of the model is whole",
        makes_lists(model, config.seed),
        whole_index(retriever.store, retriever.collection, len(context.catalogue)),
        finds_its_own(retriever, published_vectors(context), rule.minimum_recall),
    ]
    inputs = embedded_inputs(context)
    settings = config.splits[0]
    split = read_split(context.folder, settings.name)
    control = context.plugins.recommenders(context.domain)[model.card.arm].control
    index = None if control else retriever_of(context, retriever, model.arm)  # what a control reads is in no store
    as_kept, recommended = lists_of_fitted(model.arm, model.asking, inputs, split, index)
    checks.append(recall_of_index(recommended.candidate_recall, model.card.arm, rule.minimum_recall))
    retriever.store.rest()  # a run may have the store while lists are compared
    if rule.policy == "always":
        return [], checks
    splits = [read_split(context.folder, settings.name, draw) for draw in range(1, settings.n_draws + 1)]
    lists = [_of_arm(context.folder, settings.name, one.draw, model.card.arm, inputs) for one in splits]
    metrics = context.plugins.metrics(context.domain)

    def weighed(draws: Draws, against: Against, k: int) -> list[Evidence]:
        return weigh(draws, against, rule, config.measure, k=k, seed=config.seed, metrics=metrics)

    evidence = weighed([(lists[0], as_kept)], "judged lists", config.rank.k)
    if served is not None:
        recipe = recipe_of(served, context.plugins)
        before = [lists_of_recipe(recipe, inputs, one, context.plugins) for one in splits]
        k = min(config.rank.k, recipe.config.rank.k)
        evidence = [*weighed(list(zip(before, lists, strict=True)), "served model", k), *evidence]
    return evidence, checks


def recipe_of(served: PromotedModel, plugins: Plugins) -> Recipe:
    """How the served model came about, from its card and its run, which is pinned. Raises RunError where the run is gone."""
    path = Path(served.decision.run_folder)
    if not (path / "config.json").is_file():
        raise RunError(
            f"run {served.decision.run_id}, whose model is served, is gone from {path}, so nothing can be compared with it. Put it back, or "
            "promote with --policy always."
        )
    context = StageContext.open(open_run(path), plugins)
    card = ModelFiles(served.path).card()
    arms = plugins.recommenders(context.domain)
    return Recipe(
        arm=card.arm,
        spec=plugins.select("arm", arms, [card.arm])[card.arm],
        parameters=card.parameters,
        config=context.config,
        inputs=embedded_inputs(context),
    )


def _of_arm(folder: RunFolder, split: str, draw: int, arm: str, inputs: RunInputs) -> JudgedLists:
    """The lists that the run judged of one of its arms."""
    of_run = judged_lists(folder, split, draw, inputs)
    lists = of_run.lists.filter(pl.col("arm") == arm).with_columns(arm=pl.lit(NAME))
    return replace(of_run, lists=lists)


def _why(rule: PromoteSettings, evidence: Sequence[Evidence], served: PromotedModel | None) -> str:
    failing = next((one for one in evidence if not one.holds), None)
    if failing is not None:
        return _shortfall(failing, rule.policy)
    if rule.policy == "always":
        return "by policy always: nothing was compared"
    if served is None:
        return "the first model; it lists as its run judged it"
    first = evidence[0]
    if rule.policy == "better":
        return f"{first.measure} is better than that of the served model"
    if rule.policy == "within-margin":
        return f"{first.measure} of the users judged is not worse than that of the served model by more than {rule.margin:.0%}"
    return f"{first.measure} is not worse than that of the served model by more than {rule.margin:.0%}"


def _shortfall(one: Evidence, policy: str) -> str:
    """What the evidence lacks for the policy, in one sentence."""
    reference = "the served model's" if one.against == "served model" else "that of the lists that the run judged"
    measure, margin = one.measure, f"{one.margin:.0%}"
    if one.difference is None:
        return f"{measure} cannot be compared with {reference}: too few users have held-out events in common"
    if one.reserve_low is None or one.reserve_high is None:
        return f"{measure} cannot be told from {reference}: the lists of too few users differ"
    if (
        one.reserve is not None
        and one.mean_before
        and one.reserve < 0 <= one.reserve_high
        and policy == "within-margin"
    ):
        lost = abs(one.difference / one.mean_before)
        return f"{measure} is {lost:.1%} worse than {reference}, and may be {margin} worse: {one.n_users} users were judged"
    if one.reserve_high < 0 and one.margin:
        return f"{measure} is worse than {reference} by more than {margin}"
    if one.reserve_high < 0:
        return f"{measure} is worse than {reference}"
    if not one.margin:
        return f"{measure} is not shown to be better than {reference}"
    return f"{measure} may be worse than {reference} by more than {margin}: {one.n_users} users cannot tell"


def _keep_model(files: ModelFiles, target: Path) -> None:
    """A copy of the model folder of its own, so that nothing that becomes of the run touches what is served."""
    if _is_whole(target):
        return
    with replacing_folder(target) as draft:
        shutil.copytree(files.path, draft, dirs_exist_ok=True)


def _is_whole(folder: Path) -> bool:
    try:
        ModelFiles(folder).check_all()
    except (SavedModelError, SavedArmError):
        return False
    return True


def _move(place: PromotionPlace, store: VectorStore, domain: str, decisions: Sequence[Decision]) -> None:
    """Serves the last of ``decisions``: the one way in which model and alias move."""
    decision = decisions[-1]
    assert decision.collection is not None, "only what is served is moved"
    place.begin(decisions)
    _pin(decision, place)
    try:
        move_alias(store, domain, decision.collection)
    except StoreError:  # the alias may have moved all the same, and the server's answer been lost
        reconcile(place, store, domain)
        if place.decisions()[-1:] != [decision]:
            raise
        return
    place.finish()
    _tidy(place)


def _tidy(place: PromotionPlace, abandoned: Sequence[Decision] = ()) -> None:
    """The history has what is served; model folders that cannot be gone back to go, and their runs may be cleaned away."""
    decisions = place.decisions()
    history = place.history()
    if decisions and decisions[-1].id not in {one.id for one in history}:
        place.append(decisions[-1])
    fingerprints = {one.fingerprint for one in decisions} | {decisions[-1].served_before for one in decisions[-1:]}
    for path in place.folder.iterdir():
        if path.is_dir() and path.name not in fingerprints:
            shutil.rmtree(path)
    runs = {one.run_folder for one in decisions}
    for run in {one.run_folder for one in [*history, *abandoned]} - runs:
        folder = RunFolder(Path(run))
        if pin_reason(folder) == _reason(place):
            unpin(folder)


def _pin(decision: Decision, place: PromotionPlace) -> None:
    folder = RunFolder(Path(decision.run_folder))
    if folder.path.is_dir() and not folder.has(PIN):
        pin(folder, _reason(place))


def _reason(place: PromotionPlace) -> str:
    return f"promoted for {place.folder.name}"


def _index_of(decision: Decision, store: VectorStore, plugins: Plugins) -> str:
    """The collection of an earlier decision, published again where it has been swept meanwhile."""
    if decision.collection in store.collections():
        return str(decision.collection)
    path = Path(decision.run_folder)
    if not (path / "config.json").is_file():
        raise RunError(
            f"neither the index of run {decision.run_id} nor the run is left, so its model cannot be served again. Promote a run."
        )
    return publish_items(StageContext.open(open_run(path), plugins), store)[0].collection
