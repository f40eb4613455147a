"""From files to tables and splits."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import ConfigError, DataError, FilterContext, RunConfig
from recsat.arms.federated import Sums, catalogue_fingerprint, write_sums
from recsat.arms.linear.transfer import save_mapping
from recsat.config.settings import ExperimentSettings, PolicyLogSettings
from recsat.contract.interactions import Catalogue
from recsat.plugins import load_plugins
from recsat.result.model import DataFitness, Experiment
from recsat.run import LogProgress, RunFolder, new_run, run_stage
from recsat.stages import PREPARE
from recsat.stages.prepare import EXPERIMENT_FILE, POLICY_LOGS_FILE, read_split, refuse_unsimulated
from recsat_content.domain import CONTENT


def prepared(config: RunConfig, place: Path, seed: int) -> RunFolder:
    folder = new_run(config.model_copy(update={"runs_dir": str(place), "seed": seed}))
    run_stage(folder, PREPARE, load_plugins(["content"]))
    return folder


@pytest.fixture(scope="module")
def runs(small_run_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    """Of the seeds 1, 1 and 2."""
    place = tmp_path_factory.mktemp("prepared")
    measure = small_run_config.measure.model_copy(
        update={"worth_having": {f"ndcg@{small_run_config.rank.k}": 1e-9, "ndcg@99": 5.0}}
    )
    config = small_run_config.model_copy(update={"measure": measure})
    return [prepared(config, place, seed) for seed in (1, 1, 2)]


@pytest.mark.parametrize("split", ["warm", "cold"])
def test_the_seed_alone_decides_what_is_held_out(runs: list[RunFolder], split: str) -> None:
    first, same, other = (read_split(folder, split) for folder in runs)
    for part in ("train", "validation", "test"):
        assert getattr(first, part).equals(getattr(same, part))
    assert not first.test.sort(pl.all()).equals(other.test.sort(pl.all()))


def test_a_split_comes_back_as_it_was_written(runs: list[RunFolder]) -> None:
    cold = read_split(runs[0], "cold")
    assert (cold.protocol, cold.test_share) == ("cold-items", 0.2)
    assert cold.test_items is not None
    assert cold.test_items.to_list() == cold.test["item_id"].unique().sort().to_list()
    assert read_split(runs[0], "warm").test_items is None
    events = runs[0].read_table("data/events.parquet")
    assert sum(part.height for part in (cold.train, cold.validation, cold.test)) == events.height


def test_a_split_of_a_run_from_before_shares_were_written_down_has_none(runs: list[RunFolder], tmp_path: Path) -> None:
    older = RunFolder(shutil.copytree(runs[0].path, tmp_path / "older"))
    known = older.read_json("splits/cold/split.json")
    del known["test_share"]
    older.write_json("splits/cold/split.json", known)
    older.record(older.costs()[-1])
    assert read_split(older, "cold").test_share is None


def test_tables_hold_the_core_and_every_item_has_its_text(runs: list[RunFolder]) -> None:
    folder = runs[0]
    items, texts = folder.read_table("data/items.parquet"), folder.read_table("data/texts.parquet")
    assert items["item_id"].is_sorted()
    assert texts["item_id"].equals(items["item_id"])
    assert (texts["text"] != "").all()
    liked = folder.read_table("data/events.parquet").filter(pl.col("value") >= 4)
    assert liked.group_by("user_id").len()["len"].min() >= 3
    assert liked.group_by("item_id").len()["len"].min() >= 3
    summary = folder.read_json("data/summary.json")
    assert (summary["n_items"], summary["n_quarantined"]) == (items.height, 0)


def test_the_fingerprint_is_of_the_data_and_not_of_the_seed(runs: list[RunFolder]) -> None:
    assert len({folder.read_json("data/summary.json")["fingerprint"] for folder in runs}) == 1


def test_what_a_splits_data_can_answer_has_ties_before_an_arm_is_fitted(runs: list[RunFolder]) -> None:
    fitness = DataFitness.model_validate(runs[0].read_json("splits/warm/fitness.json"))
    split = read_split(runs[0], "warm")
    assert fitness.users_judged.value == split.test.filter(pl.col("value") >= 4)["user_id"].n_unique()
    assert fitness.split == "warm"
    assert (fitness.worth_having, fitness.can_answer) == (1e-9, True)  # it warns and refuses nothing
    assert fitness.least_detectable is not None
    assert fitness.most_detectable == pytest.approx(4 * fitness.least_detectable)


def test_what_is_drawn_several_times_has_ties_to_be(small_run_config: RunConfig, tmp_path: Path) -> None:
    drawn_twice = small_run_config.splits[0].model_copy(update={"repeats": 2})
    folder = prepared(small_run_config.model_copy(update={"splits": [drawn_twice]}), tmp_path, 1)
    assert folder.read_json(f"splits/{drawn_twice.name}/fitness.json")["n_draws"] == 2


class Notes(LogProgress):
    """Progress that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_a_split_that_cannot_answer_is_noted_at_once(small_run_config: RunConfig, tmp_path: Path) -> None:
    few = small_run_config.splits[0].model_copy(update={"test_share": 0.05, "name": "new", "protocol": "cold-users"})
    folder = new_run(small_run_config.model_copy(update={"runs_dir": str(tmp_path), "splits": [few]}))
    notes = Notes()
    run_stage(folder, PREPARE, load_plugins(["content"]), notes)
    assert any(line.startswith("split new cannot answer: ") for line in notes.lines)


@pytest.mark.parametrize(("moment", "has_ties"), [("item", False), ("day", True)])
def test_last_events_that_are_drawn_are_said_and_written_down(
    small_run_config: RunConfig, slice_of_movielens: Path, tmp_path: Path, moment: str, has_ties: bool
) -> None:
    """Ratings to the second but each user's own, and all of one moment."""
    data = Path(shutil.copytree(slice_of_movielens, tmp_path / "data"))
    ratings = pl.read_csv(data / "ratings.csv.gz")
    second = pl.int_range(pl.len()) if moment == "item" else pl.lit(0)
    (data / "ratings.csv.gz").write_bytes(
        gzip.compress(ratings.with_columns(timestamp=1_500_000_000 + second).write_csv().encode())
    )
    last = small_run_config.splits[0].model_copy(update={"name": "next", "protocol": "last-n", "n_last": 1})
    config = small_run_config.model_copy(
        update={"runs_dir": str(tmp_path), "splits": [last], "domain_config": {"folder": str(data)}}
    )
    folder, notes = new_run(config), Notes()
    run_stage(folder, PREPARE, load_plugins(["content"]), notes)
    split = read_split(folder, "next")
    n_users = split.test["user_id"].n_unique()
    assert split.tied_users == (n_users if has_ties else 0)
    of_ties = [
        line for line in notes.lines if line.startswith(f"split next: of {n_users} of {n_users} users it is drawn")
    ]
    assert len(of_ties) == has_ties


def test_a_word_of_a_filters_setting_that_no_item_has_is_refused(small_run_config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title,language\na,A,en\nb,B,fr\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text("user_id,item_id,event,value\nu,a,rating,5\nv,b,rating,5\n", encoding="utf-8")
    settings = {"layout": "tables", "folder": str(tmp_path), "languages": ["EN", "fr", "xx"]}
    rank = small_run_config.rank.model_copy(update={"filters": ["seen", "content.language"]})
    config = small_run_config.model_copy(
        update={"domain_config": settings, "rank": rank, "runs_dir": str(tmp_path / "runs")}
    )
    with pytest.raises(DataError) as error:
        run_stage(new_run(config), PREPARE, load_plugins(["content"]))
    *of_filter, of_core = str(error.value).splitlines()
    assert of_filter == [
        "filter content.language: no item has language 'EN'. Did you mean 'en'? There are en, fr.",
        "filter content.language: no item has language 'xx'. There are en, fr.",
    ]
    assert of_core.startswith("no user with 3 liked items is left")


def tables_with_a_bad_row(place: Path) -> dict[str, str]:
    """Twenty likes of one moment, and a rating of which the value is no number."""
    place.mkdir()
    rows = [f"u{i % 4},i{i % 5},rating,5,2024-01-01" for i in range(20)]
    (place / "items.csv").write_text("item_id,title\n" + "".join(f"i{i},Name\n" for i in range(5)))
    (place / "events.csv").write_text(
        "user_id,item_id,event,value,timestamp\n" + "\n".join([*rows, "u1,i1,rating,five,2024-01-01"])
    )
    return {"layout": "tables", "folder": str(place)}


def test_faults_of_rows_and_of_every_split_are_told_at_once(small_run_config: RunConfig, tmp_path: Path) -> None:
    splits = [
        small_run_config.splits[0].model_copy(update={"name": name, "protocol": "timeline", "test_share": share})
        for name, share in (("first", 0.2), ("second", 0.3))
    ]
    domain_config = tables_with_a_bad_row(tmp_path / "mine")
    update = {"domain_config": domain_config, "splits": splits, "runs_dir": str(tmp_path / "runs")}
    with pytest.raises(DataError) as error:
        run_stage(new_run(small_run_config.model_copy(update=update)), PREPARE, load_plugins(["content"]))
    lines = str(error.value).splitlines()
    assert "value 'five' is not a number" in lines[0]
    assert [line.split(":")[0] for line in lines[1:]] == ["split 'first' (timeline)", "split 'second' (timeline)"]


def test_events_of_one_moment_are_in_no_order_of_their_ids(runs: list[RunFolder]) -> None:
    events = runs[0].read_table("data/events.parquet")
    assert events["timestamp"].is_sorted()
    tied = events.filter(pl.struct("user_id", "timestamp").is_duplicated())
    later = tied.select(pl.col("item_id").cast(pl.Int64).diff().over("user_id", "timestamp")).drop_nulls().to_series()
    assert len(later) > 100
    assert 0.4 < (later > 0).mean() < 0.6  # type: ignore[operator]


def with_experiment(config: RunConfig, place: Path, **settings: str) -> RunConfig:
    measure = config.measure.model_copy(update={"experiment": ExperimentSettings(control="old", **settings)})
    return config.model_copy(update={"runs_dir": str(place / "runs"), "measure": measure})


def test_an_experiment_is_analysed_before_an_arm_is_fitted(small_run_config: RunConfig, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [f"u{i},{'new' if i % 2 else 'old'},{int(i % 3 == 0)}" for i in range(120)]
    log.write_text("\n".join(["user_id,policy,click", *rows]))
    folder = prepared(with_experiment(small_run_config, tmp_path, file=str(log)), tmp_path, 1)
    experiment = folder.read_as(EXPERIMENT_FILE, Experiment)
    assert (experiment.source, experiment.n_users) == ("log.csv", {"old": 60, "new": 60})
    assert [effect.metric for effect in experiment.effects] == ["clicks per exposure"]


def test_logs_beside_the_data_are_judged_by_clicks_and_by_what_they_brought_in(
    small_run_config: RunConfig, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user_id,policy,click,propensity,probability,value\na,old,1,0.5,0.5,7\nb,old,0,0.5,0.5,\n")
    one = PolicyLogSettings(name="front", file=str(log), logged_by="old", judged="new")
    measure = small_run_config.measure.model_copy(update={"logs": [one]})
    folder = prepared(small_run_config.model_copy(update={"measure": measure}), tmp_path, 42)
    logs = folder.read_json(POLICY_LOGS_FILE)
    assert [(one["name"], one["reward"], one["logging"]["value"]) for one in logs] == [
        ("front", "click", 0.5),
        ("front", "value", 3.5),
    ]


def test_an_experiment_without_a_log_is_refused(small_run_config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"measure\.experiment: the data have no exposures"):
        prepared(with_experiment(small_run_config, tmp_path), tmp_path, 1)


def test_nobody_knows_what_real_users_would_do_with_other_lists(small_run_config: RunConfig, tmp_path: Path) -> None:
    experiment = ExperimentSettings(simulated_split="warm")
    measure = small_run_config.measure.model_copy(update={"experiment": experiment})
    config = small_run_config.model_copy(update={"runs_dir": str(tmp_path / "runs"), "measure": measure})
    with pytest.raises(ConfigError, match=r"simulated_split: the data of domain 'content' come from no simulator"):
        prepared(config, tmp_path, 1)


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ({"simulated_split": "wram"}, "the run has no split 'wram'.* Did you mean 'warm'"),
        ({"simulated_split": "warm", "control": "ease"}, "Leave control, file and shares out"),
        ({"simulated_split": "warm", "shares": {"ease": 1}}, "Leave control, file and shares out"),
        ({"simulated_split": "warm", "file": "log.csv"}, "Leave control, file and shares out"),
        ({}, "control: name the policy"),
    ],
)
def test_an_experiment_is_of_a_log_or_of_a_splits_two_arms(
    small_run_config: RunConfig, experiment: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RunConfig.model_validate({**small_run_config.model_dump(), "measure": {"experiment": experiment}})


@pytest.mark.parametrize(("simulated", "able"), [(False, True), (True, False)])
def test_data_and_domain_must_both_be_of_a_simulator(*, simulated: bool, able: bool) -> None:
    domain = replace(CONTENT, simulate_exposures=(lambda lists, config, seed: lists) if able else None)
    with pytest.raises(ConfigError, match=r"measure\.experiment\.simulated_split"):
        refuse_unsimulated(domain, ExperimentSettings(simulated_split="warm"), simulated=simulated)


def test_without_one_nothing_is_written(runs: list[RunFolder]) -> None:
    assert not runs[0].has(EXPERIMENT_FILE)


def test_a_filters_words_are_looked_at_at_the_last_moment_that_is_no_slip(
    small_run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"u{i % 4},i{i % 5},rating,5,20{i // 12:02}-{i % 12 + 1:02}-01" for i in range(40)]
    (tmp_path / "items.csv").write_text("item_id,title,language\n" + "".join(f"i{i},Name,en\n" for i in range(5)))
    lines = ["user_id,item_id,event,value,timestamp", *rows, "u1,i1,rating,5,2024-01-01"]
    (tmp_path / "events.csv").write_text("\n".join(lines))
    moments = []
    monkeypatch.setattr(
        "recsat.stages.prepare.FilterContext",
        lambda **known: moments.append(known["now"].year) or FilterContext(**known),
    )
    settings = {"layout": "tables", "folder": str(tmp_path), "languages": ["en"]}
    rank = small_run_config.rank.model_copy(update={"filters": ["content.language"]})
    config = small_run_config.model_copy(
        update={"domain_config": settings, "rank": rank, "runs_dir": str(tmp_path / "runs")}
    )
    with pytest.raises(DataError, match="no user with 3 liked items"):
        run_stage(
            new_run(config.model_copy(update={"data": config.data.model_copy(update={"min_item_events": 99})})),
            PREPARE,
            load_plugins(["content"]),
        )
    assert moments == [2003]


def refusal(config: RunConfig, place: Path, arm: str, parameter: str, file: Path) -> str:
    config = config.model_copy(update={"arms": [arm], "parameters": {arm: {parameter: str(file)}}})
    try:
        folder = prepared(config, place, 1)
    except ConfigError as error:
        return str(error)
    assert folder.has("data/items.parquet")
    return ""


@pytest.mark.parametrize(("arm", "parameter"), [("aligned", "sums"), ("ease-text", "sums"), ("aligned", "prior")])
def test_what_was_learnt_with_another_encoder_is_refused_before_anything_is_embedded(
    runs: list[RunFolder], small_run_config: RunConfig, tmp_path: Path, arm: str, parameter: str
) -> None:
    catalogue = catalogue_fingerprint(Catalogue(runs[0].read_table("data/items.parquet")))
    encoder = load_plugins().encoder(small_run_config.encoder.name).make(small_run_config.encoder).fingerprint
    for name, items, of_file in (
        ("same", catalogue, encoder),
        ("unsaid", catalogue, ""),
        ("other", catalogue, "0" * 64),
        ("items", "0" * 64, encoder),
    ):
        if parameter == "sums":
            write_sums(Sums(items, of_file, ("north",), {"text": np.eye(3)}), tmp_path / name)
        else:
            save_mapping(np.eye(3, dtype=np.float32), tmp_path / name, of_file)
    refusals = {
        name: refusal(small_run_config, tmp_path / "runs", arm, parameter, tmp_path / name)
        for name in ("same", "unsaid", "other", "items")
    }
    assert refusals["same"] == refusals["unsaid"] == ""
    assert "another encoder" in refusals["other"]
    assert "(000000000000)" in refusals["other"]
    assert ("another catalogue" in refusals["items"]) is (parameter == "sums")


@pytest.mark.parametrize("prior", ["identity", "chosen"])
def test_a_prior_that_is_no_file_is_not_looked_for(small_run_config: RunConfig, tmp_path: Path, prior: str) -> None:
    assert refusal(small_run_config, tmp_path, "aligned", "prior", Path(prior)) == ""
