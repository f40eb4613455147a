"""What a run is said to take: counted from its data, more where there is more to do, and said where something will not suffice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext, execute, open_run
from recsat.run.progress import LogProgress
from recsat.stages import EMBED, PREPARE
from recsat.stages.estimate import encoder_speed, say
from recsat.stages.estimate import estimate as estimate_module
from recsat.stages.estimate.encoder_speed import token_seconds
from recsat.stages.estimate.estimate import (
    ESTIMATE_FILE,
    Estimate,
    arm_seconds,
    base_of,
    collection_mib,
    curve_seconds,
    estimate,
    evaluate_seconds,
    list_seconds,
    peak_mib,
)
from recsat.stages.estimate.say import say_estimate
from recsat.stages.estimate.sizes import CHARACTERS_A_TOKEN, FoldSize, TextSize, run_size
from recsat.stages.estimate.speed import Speed, machine_speed
from recsat.stages.estimate.unit_costs import (
    CHOICE_SHARES,
    CHOICES,
    CURVE_TOPIC,
    CURVES,
    DRAWN_AGAIN,
    FITS,
    FURTHER_CELL_BYTES,
    MEASURED_TOPIC,
    TOKEN,
    WorkCost,
    cells,
    fewest_trials,
    n_trials,
)
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import test_fold as fold_of_test
from recsat.stages.trial.inputs import inputs_of


class Notes(LogProgress):
    """Progress that keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def prepared(small_run_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[StageContext, list[str]]:
    place = tmp_path_factory.mktemp("prepared")
    config = small_run_config.model_copy(update={"home": str(place)})
    plugins, progress = load_plugins(["content"]), Notes()
    folder = execute(config, plugins, progress, stages=[PREPARE])
    shutil.copytree(folder, place / "embedded")
    execute(config, plugins, progress, stages=[PREPARE, EMBED], resume=place / "embedded")
    return StageContext.open(open_run(folder), plugins), progress.notes


@pytest.fixture(scope="module")
def of_run(prepared: tuple[StageContext, list[str]]) -> Estimate:
    return estimate(prepared[0])


def test_a_run_says_it_once_its_data_are_prepared_and_keeps_it(prepared: tuple[StageContext, list[str]]) -> None:
    context, notes = prepared
    assert notes == []  # a minute or more is worth saying
    stored = open_run(Path(context.config.home or "") / "embedded").read_as(ESTIMATE_FILE, Estimate)
    assert [stage.name for stage in stored.stages] == ["embed", "index", "recommend", "evaluate", "model", "report"]


def test_a_run_of_a_minute_says_what_it_will_take(
    prepared: tuple[StageContext, list[str]], of_run: Estimate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Notes()
    folder = RunFolder(shutil.copytree(prepared[0].folder.path, tmp_path / "run"))
    listening = replace(prepared[0], folder=folder, progress=progress)
    longer = of_run.model_copy(update={"not_counted": ["not counted: x"], "too_small": ["memory: y"]})
    monkeypatch.setattr(say, "estimate", lambda context: longer)
    say_estimate(listening)
    assert progress.notes == ["memory: y"]
    monkeypatch.setattr(say, "WORTH_SAYING", 0.0)
    say_estimate(listening)
    assert progress.notes[1:] == [longer.sentence, "not counted: x", "memory: y"]
    assert longer.sentence.startswith("to come, reckoned: about ")
    assert "most of it " in longer.sentence


def test_sizes_are_those_of_the_folds(prepared: tuple[StageContext, list[str]]) -> None:
    context, _ = prepared
    cold = replace(
        context, config=context.config.model_copy(update={"cache_dir": str(context.folder.path / "no cache")})
    )
    size = run_size(cold, context.plugins.encoder("minilm").make(context.config.encoder))
    inputs = replace(inputs_of(context, {"text": np.zeros((len(context.catalogue), 2), dtype=np.float32)}), filters={})
    for split in size.splits:
        fold = fold_of_test(inputs, read_split(context.folder, split.name))
        lengths = fold.train.users.lengths
        assert split.test == FoldSize(
            len(fold.train.users), int(lengths.sum()), int((lengths**2).sum()), len(fold.users)
        )
    assert [split.n_draws for split in size.splits] == [1, 5]
    assert size.user_texts == TextSize(0, 0, 0.0)  # no arm of the run reads users
    assert size.item_texts.n == size.item_texts.n_new == size.n_items


def test_texts_that_are_in_the_cache_cost_nothing(finished_run: Path) -> None:
    context = StageContext.open(open_run(finished_run), load_plugins(["content"]))
    size = run_size(context, context.plugins.encoder("minilm").make(context.config.encoder))
    assert (size.item_texts.n_new, size.item_texts.tokens) == (0, 0.0)
    assert size.item_texts.n == size.n_items


def test_users_texts_are_counted_where_an_arm_reads_them(prepared: tuple[StageContext, list[str]]) -> None:
    context, _ = prepared
    config = context.config.model_copy(update={"arms": ["popularity", "text-user"]})
    reading = replace(context, config=config)
    size = run_size(reading, context.plugins.encoder("minilm").make(context.config.encoder))
    served = sum(split.validation.served + split.n_draws * split.test.served for split in size.splits)
    assert 0.8 * served < size.user_texts.n <= served  # nearly everybody has a history, and a text of their own
    assert size.user_texts.n_new == size.user_texts.n
    assert size.user_texts.tokens > 10 * size.user_texts.n


def test_the_whole_is_its_parts_and_grows_with_them(prepared: tuple[StageContext, list[str]], of_run: Estimate) -> None:
    context, _ = prepared
    assert of_run.seconds == pytest.approx(sum(stage.seconds for stage in of_run.stages))
    assert of_run.peak_mib == max(stage.peak_mib for stage in of_run.stages)
    recommend = next(stage for stage in of_run.stages if stage.name == "recommend")
    assert sum(of_run.arms.values()) < recommend.seconds
    with_hybrid = context.config.model_copy(update={"arms": [*context.config.arms, "hybrid"]})
    longer = estimate(replace(context, config=with_hybrid))
    assert {"hybrid", "hybrid-words"} <= longer.arms.keys()
    assert longer.seconds == pytest.approx(
        of_run.seconds + longer.arms["hybrid"] + longer.arms["hybrid-words"], rel=0.2
    )
    assert next(iter(longer.arms)) == "hybrid"


def test_a_grid_costs_a_fit_for_each_setting(prepared: tuple[StageContext, list[str]], of_run: Estimate) -> None:
    context, _ = prepared
    whole_grid = estimate(replace(context, config=context.config.model_copy(update={"parameters": {}})))
    assert whole_grid.arms["ease"] > 1.5 * of_run.arms["ease"]  # five settings in place of one, and six draws in both
    assert whole_grid.arms["text"] == pytest.approx(of_run.arms["text"])


def test_where_an_arm_chooses_on_every_draw_each_choice_is_counted(
    prepared: tuple[StageContext, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = prepared
    size = run_size(context, context.plugins.encoder("minilm").make(context.config.encoder))
    speed = Speed(products=1.0, tables=1.0)

    def of_draws(name: str, protocol: str, n_draws: int) -> float:
        spec = context.plugins.recommenders(context.domain)[name]
        split = replace(size.splits[1], protocol=protocol, n_draws=n_draws)
        return arm_seconds(context, name, spec, split, size.n_items, speed)

    def further(name: str, protocol: str) -> float:
        return of_draws(name, protocol, 5) - of_draws(name, protocol, 1)

    users = size.splits[1].test.users
    sought = CHOICES["hybrid"].seconds(size.splits[1].test, size.n_items, speed, 20_000, n_trials(users))
    share, test = CHOICE_SHARES["mixed"], size.splits[1].test
    fit = FITS["hybrid"].seconds(test, size.n_items, speed, 20_000)

    def more(sought: float) -> float:
        """On four further draws of a mixed split than of a random one, whose choices are those of its first."""
        return 4 * (share * sought + (share - 1) * fit)

    assert further("hybrid", "mixed") - further("hybrid", "random") == pytest.approx(more(sought))
    assert further("ease", "mixed") == pytest.approx(further("ease", "random"))
    # With users enough for one hold-out three are made, for they hide items.
    monkeypatch.setattr(estimate_module.unit, "FEWEST_TRIED", 1)
    one_trial = CHOICES["hybrid"].seconds(size.splits[1].test, size.n_items, speed, 20_000, 1)
    assert further("hybrid", "mixed") - further("hybrid", "random") == pytest.approx(
        more((1 + 2 * DRAWN_AGAIN) * one_trial)
    )
    monkeypatch.setattr(estimate_module.unit, "MOST_DRAWN_AGAIN", 0)  # of a large catalogue one draw has to do
    assert further("hybrid", "mixed") - further("hybrid", "random") == pytest.approx(more(one_trial))


def test_what_does_not_suffice_is_said_with_the_remedy(
    prepared: tuple[StageContext, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = prepared
    assert estimate(context).too_small == []
    monkeypatch.setattr(estimate_module, "free_memory", lambda: 100 * 2**20)
    monkeypatch.setattr(estimate_module.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    memory, disk = estimate(context).too_small
    assert memory.startswith("memory: ")
    assert "100 MiB are free. Have fewer items or users" in memory
    assert disk.endswith("Set home to another disk.")


def test_what_is_not_counted_is_named(
    prepared: tuple[StageContext, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = prepared
    monkeypatch.setattr(estimate_module.unit, "FITS", {name: cost for name, cost in FITS.items() if name != "ease"})
    monkeypatch.setattr(estimate_module, "token_seconds", lambda *of_run: None)
    encoder, arms = estimate(context).not_counted
    assert encoder == "not counted: how long encoder minilm takes, of which nothing is known"
    assert arms == "not counted: fits of ease, of which nothing is known"


@pytest.mark.parametrize(
    ("cost", "seconds"),
    [
        (WorkCost(fixed=2.0), 2 * 3.0),
        (WorkCost(like=0.1), 0.1 * 50 * 3),
        (WorkCost(pair=0.01), 0.01 * 400 * 3),
        (WorkCost(user=1.0, item=0.5), (10 + 0.5 * 100) * 3),
        (WorkCost(item_pair=1e-3), 1e-3 * 100**2 * 2),
        (WorkCost(item_cube=1e-6), 1e-6 * 100**3 * 2),
        (WorkCost(cell=1e-2), 1e-2 * 1000 * 2),
    ],
)
def test_products_and_tables_go_by_the_speeds_of_their_own(cost: WorkCost, seconds: float) -> None:
    fold = FoldSize(users=10, likes=50, pairs=400, served=7)
    assert cost.seconds(fold, 100, Speed(products=2.0, tables=3.0)) == pytest.approx(seconds)


def test_above_its_limit_an_arm_pays_for_no_pair_of_items() -> None:
    cost, fold, speed = WorkCost(fixed=1.0, item_pair=1.0, item_cube=1.0), FoldSize(10, 50, 400, 7), Speed(1.0, 1.0)
    assert cost.seconds(fold, 100, speed, dense_limit=99) == 1.0
    assert cost.seconds(fold, 100, speed, dense_limit=100) == 1 + 100**2 + 100**3
    assert cost.seconds(fold, 100, speed, dense_times=3) == 1 + 3 * (100**2 + 100**3)


def test_few_users_are_held_out_more_often() -> None:
    assert [n_trials(n) for n in (0, 10, 500, 600, 1_500, 10**6)] == [4, 4, 3, 3, 1, 1]


def test_a_split_that_hides_items_is_tried_on_three_hold_outs_whatever_its_users() -> None:
    assert [fewest_trials(protocol, 5_000) for protocol in ("cold-items", "mixed", "random", "timeline")] == [
        3,
        3,
        1,
        1,
    ]
    assert [fewest_trials(protocol, 5_001) for protocol in ("cold-items", "mixed")] == [3, 1]


def test_a_token_takes_what_it_takes_here_where_many_are_to_come(
    prepared: tuple[StageContext, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = prepared
    minilm = context.plugins.encoder("minilm").make(context.config.encoder)
    texts, unit_speed = context.folder.read_table("data/texts.parquet")["text"], Speed(products=1.0, tables=1.0)
    slow = SlowEncoder(minilm.checkpoint, minilm.device)  # type: ignore[attr-defined]
    monkeypatch.setattr(encoder_speed, "time", SimpleNamespace(perf_counter=lambda: slow.clock))

    def of_slow(n_tokens: float, speed: Speed = unit_speed) -> float | None:
        return token_seconds(slow, texts, 256, n_tokens, speed)

    assert of_slow(1e6) == pytest.approx(CHARACTERS_A_TOKEN * SlowEncoder.A_CHARACTER)  # by the shortest round
    assert slow.encoded[0] == 1  # weights are loaded before the clock is looked at
    assert len(slow.encoded) == 1 + 9
    assert len(set(slow.encoded[1:])) == 1  # the same texts each time
    assert of_slow(1e3) == TOKEN  # so few are not worth it
    assert of_slow(1e3, Speed(products=2.0, tables=9.0)) == 2 * TOKEN
    slow.checkpoint = SimpleNamespace(products=65 * minilm.checkpoint.products)  # type: ignore[attr-defined]
    assert of_slow(1e9) == pytest.approx(65 * TOKEN)  # nor is a model that would take long to load
    slow.checkpoint = SimpleNamespace(products=None)
    assert of_slow(1e9) is None


class SlowEncoder:
    """Takes so long for each character by a clock of its own, whatever its layers say; the first texts and every other ones take longer."""

    A_CHARACTER = 1e-4
    dimension = 4
    fingerprint = "slow"

    def __init__(self, checkpoint: object, device: object) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.encoded: list[int] = []
        self.clock = 0.0

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        times = 1 + len(self.encoded) % 2 if self.encoded else 1_000
        self.encoded.append(len(texts))
        self.clock += times * self.A_CHARACTER * sum(map(len, texts))
        return np.zeros((len(texts), self.dimension), dtype=np.float32)


def test_the_store_keeps_a_collection_of_every_arm_with_vectors_of_its_own_on_every_draw(
    prepared: tuple[StageContext, list[str]],
) -> None:
    context, _ = prepared

    def disk(*arms: str, **rank: str) -> float:
        config = context.config.model_copy(
            update={"arms": [*context.config.arms, *arms], "rank": context.config.rank.model_copy(update=rank)}
        )
        stages = estimate(replace(context, config=config)).stages
        return next(stage.disk_mib for stage in stages if stage.name == "recommend")

    vectors = 4 * 384 * len(context.catalogue) / 2**20
    n_draws = sum(split.n_draws for split in context.config.splits)
    of_arms = disk("hybrid") - disk("ials")
    assert of_arms == pytest.approx(n_draws * 2.4 * (3 + 130 / 384) * vectors, rel=0.05)
    assert disk("hybrid", source="catalogue") - disk("ials", source="catalogue") < 0.2 * of_arms


def test_the_log_of_what_a_collection_was_given_does_not_grow_for_ever(
    prepared: tuple[StageContext, list[str]],
) -> None:
    context, _ = prepared
    size = run_size(context, context.plugins.encoder("minilm").make(context.config.encoder))
    small, large = (collection_mib(replace(size, n_items=n), 256) for n in (1_024, 1_024_000))  # 1 MiB and 1,000
    assert small == pytest.approx(2.4)
    assert large == pytest.approx(1_100 + 32)


def test_every_further_hold_out_keeps_scores_of_its_own(prepared: tuple[StageContext, list[str]]) -> None:
    context, _ = prepared
    size = run_size(context, context.plugins.encoder("minilm").make(context.config.encoder))
    hybrid = context.plugins.recommenders(context.domain)["hybrid"]

    def peak(protocol: str) -> float:
        test = replace(size.splits[0].test, users=1_500)  # enough for one hold-out
        split = replace(size.splits[0], protocol=protocol, test=test)
        return peak_mib(context, replace(size, splits=[split]), {split.name: {"hybrid": hybrid}})["recommend"]

    of_three = 2 * FURTHER_CELL_BYTES * cells(1_500, size.n_items) / 2**20
    assert peak("cold-items") - peak("random") == pytest.approx(of_three)
    assert peak("mixed") == peak("cold-items")


def test_the_curve_is_of_the_arm_that_is_named_or_leads(prepared: tuple[StageContext, list[str]]) -> None:
    context, _ = prepared
    encoder = context.plugins.encoder(context.config.encoder.name).make(context.config.encoder)
    size, speed = run_size(context, encoder), Speed(1.0, 1.0)
    every = context.plugins.recommenders(context.domain)

    def of(*names: str, topics: float = 0.0, **settings: object) -> dict[str, float]:
        measure = context.config.measure.model_copy(update=settings)
        other = replace(context, config=context.config.model_copy(update={"measure": measure}))
        specs = {name: every[name] for name in names}
        return curve_seconds(other, specs, size.splits[0], replace(size, topics_of_item=topics), speed)

    assert list(of("popularity", "ease", "hybrid", "text")) == ["hybrid"]
    assert list(of("popularity", "text", "ease", "hybrid-words", "text-permuted")) == ["hybrid-words"]
    assert list(of("popularity", "ease", "hybrid", curve_arm="ease")) == ["ease"]
    assert of("popularity", "hybrid", curve_arm="ease") == {}
    assert of("popularity", "hybrid", curves=False) == {}
    n_users = size.splits[0].test.served
    more = of("ease", topics=400.0)["ease"] - of("ease")["ease"]
    assert more == pytest.approx(CURVE_TOPIC * 400 * n_users)


def test_the_curve_is_part_of_the_stage_that_draws_it(
    prepared: tuple[StageContext, list[str]], of_run: Estimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate_module, "machine_speed", lambda: Speed(1.0, 1.0))
    context, _ = prepared
    measure = context.config.measure.model_copy(update={"curves": False})
    without = replace(context, config=context.config.model_copy(update={"measure": measure}))
    seconds = [
        next(one.seconds for one in estimate(each).stages if one.name == "recommend") for each in (context, without)
    ]
    assert seconds[0] - seconds[1] > CURVES * len(context.config.splits)


def test_topics_of_items_are_counted(prepared: tuple[StageContext, list[str]]) -> None:
    context, _ = prepared
    encoder = context.plugins.encoder(context.config.encoder.name).make(context.config.encoder)
    size = run_size(context, encoder)
    genres = context.catalogue.items["genres"].list.len()
    assert size.topics_of_item == pytest.approx(float(genres.mean()))  # type: ignore[arg-type]
    few, many = (evaluate_seconds(context, size.splits[0], 2, n) for n in (0.0, 400.0))
    n_places = context.config.rank.k * size.splits[0].test.served * size.splits[0].n_draws
    assert many - few == pytest.approx(2 * MEASURED_TOPIC * 400 * n_places)


def test_a_list_takes_less_where_vectors_are_shorter() -> None:
    products_alone = Speed(products=1.0, tables=0.0)
    of_arms = [list_seconds(name, 100, 10_000, products_alone) for name in ("text", "ials-text", "popularity")]
    assert of_arms == pytest.approx([1e6 * 1.2e-8, 1e6 * 7e-9, 1e6 * 4e-9])


def test_the_encoder_is_measured_for_all_tokens_that_are_to_come(
    prepared: tuple[StageContext, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = prepared
    config = context.config.model_copy(
        update={"arms": ["popularity", "text-user"], "cache_dir": str(context.folder.path / "no cache")}
    )
    reading, calls = replace(context, config=config), list[tuple[float, int]]()

    def of_a_token(encoder: object, texts: object, most: int, n_tokens: float, speed: Speed) -> float:
        calls.append((n_tokens, most))
        return 0.0

    monkeypatch.setattr(estimate_module, "token_seconds", of_a_token)
    estimate(reading)
    size = run_size(reading, context.plugins.encoder("minilm").make(context.config.encoder))
    assert size.item_texts.tokens > 0 < size.user_texts.tokens
    assert calls == [(size.item_texts.tokens + size.user_texts.tokens, context.config.encoder.max_tokens)]


def test_what_the_hybrid_looks_at_is_bounded() -> None:
    assert cells(500, 300) == 150_000
    assert cells(10**6, 10**6) == 1_500 * 20_000


def test_every_built_in_arm_has_a_cost_or_is_a_form_of_one_that_has() -> None:
    plugins = load_plugins(["content"])
    arms = plugins.recommenders(plugins.domain("content"))
    assert {base_of(name) for name in arms} - FITS.keys() == {"sequence"}
    assert base_of("hybrid-words") == "hybrid"
    assert base_of("linear-order-text-masked") == "linear-order-text"
    assert CHOICES.keys() <= FITS.keys()


def test_the_speed_of_a_machine_is_a_positive_number() -> None:
    speed = machine_speed()
    assert speed.products > 0
    assert speed.tables > 0
    assert machine_speed() is speed  # one probe for a process
