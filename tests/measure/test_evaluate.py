from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Judged, SatisfactionMetric
from recsat.errors import DataError, PluginError, UnknownItem
from recsat.measure import accuracy, concentration, diversity
from recsat.measure.binomial import binomial_interval
from recsat.measure.evaluate import Draw, EvaluatedSplit, evaluate_split
from recsat.measure.evidence import Evidence
from recsat.measure.list_measures import popularity_lift, serendipity, topic_divergence, topic_hellinger
from recsat.measure.significance import false_discovery, sign_flip_test
from recsat.measure.user_values import TABLE_SCHEMA
from recsat.metrics import click_through_rate
from recsat.result.model import ArmResult, Measure

K = 5
SETTINGS = MeasureSettings(baseline="chance", n_bootstrap=300)
Arm = Callable[..., pl.DataFrame]


def stars(judged: Judged) -> pl.DataFrame:
    return judged.hits.group_by("user_id").agg(value=pl.col("value").mean())


def metric(name: str, **changes: object) -> SatisfactionMetric:
    plain = SatisfactionMetric(name=name, description="Words.", unit="stars", better="higher", compute=stars)
    return replace(plain, **changes)


METRICS = {
    "content.stars": metric("stars", needs=frozenset({"rating"}), bounds=(0.0, 5.0)),
    "content.clicks": metric("clicks", needs=frozenset({"exposures"})),
    "shop.revenue": metric(
        "revenue", dimension="business", compute=lambda judged: judged.hits.head(0).select("user_id", "value")
    ),
}


@pytest.fixture(scope="module")
def lists(arm: Arm) -> dict[str, pl.DataFrame]:
    return {"chance": arm(0.0), "weak": arm(0.3, 2), "strong": arm(1.5, 3)}


@pytest.fixture(scope="module")
def evaluated(lists: dict[str, pl.DataFrame], world: Evidence) -> EvaluatedSplit:
    return evaluate_split(
        lists, world, metrics=METRICS, settings=SETTINGS, k=K, seed=7, parameters={"strong": {"l2": 3.0}}
    )


def find(evaluated: EvaluatedSplit, arm: str, part: str = "all") -> ArmResult:
    (arm_result,) = [result for result in evaluated.arms if (result.name, result.slice) == (arm, part)]
    return arm_result


def test_means_are_those_of_the_measures_alone(
    evaluated: EvaluatedSplit, lists: dict[str, pl.DataFrame], world: Evidence
) -> None:
    judged = world.relevant["user_id"].unique()
    measures = find(evaluated, "weak").measures
    alone = {
        "ndcg@5": accuracy.ndcg(lists["weak"], world.relevant, judged, k=K)["value"].mean(),
        "hit@5": accuracy.hit_rate(lists["weak"], world.relevant, judged, k=K)["value"].mean(),
        "topic-entropy@5": diversity.topic_entropy(lists["weak"], world.items, "genres")["value"].mean(),
        "ild@5": diversity.intra_list_diversity(lists["weak"], world.vectors)["value"].mean()
        if world.vectors
        else None,
        "novelty@5": diversity.novelty(lists["weak"], world.known_likes)["value"].mean(),
        "coverage@5": concentration.coverage(lists["weak"], world.items["item_id"]),
        "gini@5": concentration.exposure_gini(lists["weak"], world.items["item_id"]),
    }
    assert {name: measures[name].mean for name in alone} == pytest.approx(alone)
    assert measures["ndcg@5"].n_users == 79  # one liked nothing
    assert measures["coverage@5"].n_users == 80


def test_every_measure_has_an_interval_around_its_mean(evaluated: EvaluatedSplit) -> None:
    for result in evaluated.arms:
        for name, measure in result.measures.items():
            assert measure.mean is not None, name
            if name == "coverage@5" and measure.mean == 1.0:
                assert (measure.low, measure.high) == (
                    None,
                    None,
                )  # whoever is left out, everything is shown: no spread
                continue
            assert measure.low is not None, name
            assert measure.high is not None, name
            assert measure.low <= measure.mean <= measure.high, (result.name, result.slice, name)


def test_differences_are_paired_with_the_baseline(evaluated: EvaluatedSplit) -> None:
    strong, chance = find(evaluated, "strong"), find(evaluated, "chance")
    assert chance.differences == {}
    for name, difference in strong.differences.items():
        if name == "content.stars":
            continue  # over users who have a hit with both
        mean, base = strong.measures[name].mean, chance.measures[name].mean
        assert mean is not None
        assert base is not None
        assert difference.mean == pytest.approx(mean - base)
    assert strong.differences["ndcg@5"].significant
    assert not strong.differences["content.stars"].significant


def test_the_same_arm_twice_differs_in_nothing(world: Evidence, arm: Arm) -> None:
    same = evaluate_split({"chance": arm(0.0), "again": arm(0.0)}, world, metrics={}, settings=SETTINGS, k=K, seed=7)
    for result in same.arms:
        for difference in result.differences.values():
            assert (difference.mean, difference.p_adjusted, difference.significant) == (0.0, 1.0, False)


def test_arms_that_are_chance_are_rarely_called_different(world: Evidence, arm: Arm) -> None:
    for seed in range(10, 14):
        arms = {"chance": arm(0.0, seed), "one": arm(0.0, seed + 50), "two": arm(0.0, seed + 90)}
        evaluated = evaluate_split(arms, world, metrics={}, settings=SETTINGS, k=K, seed=7)
        marks = [d.significant for result in evaluated.arms for d in result.differences.values()]
        assert len(marks) > 100
        assert sum(marks) == 0


def test_slices_hold_their_users_and_items(evaluated: EvaluatedSplit, world: Evidence) -> None:
    parts = list(dict.fromkeys(result.slice for result in evaluated.arms))
    assert parts == ["all", "cold users", "warm users", "head items", "tail items", "cold items"]
    whole = find(evaluated, "strong").measures["ndcg@5"]
    cold, warm = (find(evaluated, "strong", part).measures["ndcg@5"] for part in ("cold users", "warm users"))
    assert cold.n_users + warm.n_users == whole.n_users
    assert cold.mean is not None
    assert warm.mean is not None
    assert whole.mean is not None
    assert (cold.mean * cold.n_users + warm.mean * warm.n_users) / whole.n_users == pytest.approx(whole.mean)
    tail = find(evaluated, "strong", "cold items")
    assert set(tail.measures) == {f"{name}@5" for name in accuracy.ACCURACY}
    assert tail.measures["recall@5"].n_users == world.relevant.filter(pl.col("item_id") >= "i36")["user_id"].n_unique()


def test_what_is_not_measured_has_a_reason_and_no_number(evaluated: EvaluatedSplit) -> None:
    assert {absent.name: absent.reason for absent in evaluated.not_measured} == {
        "content.clicks": "The data have no exposures table.",
        "shop.revenue": "No user of warm has a value: nobody there meets the measure's definition.",
    }
    for result in evaluated.arms:
        assert not {"content.clicks", "shop.revenue"} & set(result.measures)
    assert {"content.clicks", "shop.revenue", "content.stars", "ndcg@5"} <= {info.name for info in evaluated.measures}


def test_without_vectors_or_topics_the_rest_is_measured(world: Evidence, arm: Arm) -> None:
    bare = evaluate_split(
        {"chance": arm(0.0)}, replace(world, vectors=None, topics=None), metrics={}, settings=SETTINGS, k=K, seed=7
    )
    assert [absent.name for absent in bare.not_measured] == [
        "ild@5",
        "topic-ild@5",
        "topic-entropy@5",
        "topic-simpson@5",
        "topic-kl@5",
        "topic-hellinger@5",
    ]
    assert "novelty@5" in find(bare, "chance").measures


def test_the_table_of_users_gives_the_means_again(evaluated: EvaluatedSplit) -> None:
    table = evaluated.per_user
    assert table.schema == TABLE_SCHEMA
    assert not table.select("arm", "slice", "measure", "user_id").is_duplicated().any()
    means = table.group_by("arm", "slice", "measure").agg(pl.col("value").mean())
    means_of_table = {(arm, part, name): value for arm, part, name, value in means.iter_rows()}
    aggregates = {"coverage@5", "gini@5", "entropy@5", "simpson@5"}
    means_of_arms = {
        (result.name, result.slice, name): measure.mean
        for result in evaluated.arms
        for name, measure in result.measures.items()
        if name not in aggregates
    }
    assert means_of_table == pytest.approx(means_of_arms)


def test_nothing_depends_on_the_order_of_rows(
    evaluated: EvaluatedSplit, lists: dict[str, pl.DataFrame], world: Evidence
) -> None:
    shuffled = {name: table.sample(fraction=1, shuffle=True, seed=3) for name, table in lists.items()}
    mixed = replace(
        world, relevant=world.relevant.sample(fraction=1, shuffle=True, seed=1), outcomes=world.outcomes[::-1]
    )
    again = evaluate_split(
        shuffled, mixed, metrics=METRICS, settings=SETTINGS, k=K, seed=7, parameters={"strong": {"l2": 3.0}}
    )
    for one, other in zip(evaluated.arms, again.arms, strict=True):
        assert one.measures.keys() == other.measures.keys()
        for name, measure in one.measures.items():
            again_by_field = other.measures[name].model_dump(exclude_none=True)
            assert measure.model_dump(exclude_none=True) == pytest.approx(again_by_field, rel=1e-6)


def test_parameters_and_names_are_handed_through(evaluated: EvaluatedSplit) -> None:
    assert find(evaluated, "strong").parameters == {"l2": 3.0}
    assert find(evaluated, "chance").parameters == {}
    assert {result.split for result in evaluated.arms} == {"warm"}


def test_where_the_baseline_has_no_lists_there_are_no_differences(world: Evidence, arm: Arm) -> None:
    evaluated = evaluate_split({"weak": arm(0.3)}, world, metrics={}, settings=SETTINGS, k=K, seed=7)
    assert all(result.differences == {} for result in evaluated.arms)


def test_an_arm_without_lists_counts_zero_and_has_no_diversity(world: Evidence, arm: Arm) -> None:
    evaluated = evaluate_split(
        {"chance": arm(0.0), "silent": arm(0.0).head(0)}, world, metrics={}, settings=SETTINGS, k=K, seed=7
    )
    measures = find(evaluated, "silent").measures
    assert (measures["ndcg@5"].mean, measures["ndcg@5"].n_users) == (0.0, 79)
    assert (measures["coverage@5"].mean, measures["ild@5"].mean, measures["ild@5"].n_users) == (0.0, None, 0)


def test_faults_are_raised_and_not_measured_around(world: Evidence, arm: Arm) -> None:
    with pytest.raises(DataError, match="'warm' serves no users"):
        evaluate_split(
            {}, replace(world, users=pl.Series([], dtype=pl.String)), metrics={}, settings=SETTINGS, k=K, seed=7
        )
    foreign = arm(0.0).with_columns(item_id=pl.lit("zz") + pl.col("item_id"))
    with pytest.raises(UnknownItem, match="zz"):
        evaluate_split({"chance": foreign}, world, metrics={}, settings=SETTINGS, k=K, seed=7)
    wrong = {"content.stars": metric("stars", bounds=(0.0, 1.0))}
    with pytest.raises(PluginError, match=r"content\.stars"):
        evaluate_split({"chance": arm(0.0)}, world, metrics=wrong, settings=SETTINGS, k=K, seed=7)


def test_only_ranked_items_make_the_catalogue(world: Evidence, arm: Arm) -> None:
    listed = arm(0.0).filter(pl.col("item_id") < "i20")
    half = replace(world, candidates=world.items["item_id"].head(20))
    evaluated = evaluate_split({"chance": listed}, half, metrics={}, settings=SETTINGS, k=K, seed=7)
    assert find(evaluated, "chance").measures["coverage@5"].mean == listed["item_id"].n_unique() / 20
    assert np.isfinite(find(evaluated, "chance").measures["ild@5"].mean or np.nan)


def per_user(value: Callable[[pl.Expr], pl.Expr]) -> Callable[[Judged], pl.DataFrame]:
    """A metric of the user's number and of the first place of the list."""

    def compute(judged: Judged) -> pl.DataFrame:
        number = pl.col("user_id").str.slice(1).cast(pl.Int64)
        return judged.lists.filter(pl.col("rank") == 1).select("user_id", value=value(number))

    return compute


def constant(value: float) -> Callable[[Judged], pl.DataFrame]:
    return per_user(lambda number: pl.lit(value))


def one_metric(world: Evidence, arm: Arm, settings: MeasureSettings = SETTINGS, **changes: object) -> EvaluatedSplit:
    arms = {"chance": arm(0.0), "strong": arm(1.5, 3)}
    return evaluate_split(arms, world, metrics={"m.m": metric("m", **changes)}, settings=settings, k=K, seed=7)


@pytest.mark.parametrize(
    ("value", "bounds", "interval"),
    [
        (0.0, (0.0, 1.0), (0.0, 0.0451)),
        (1.0, (0.0, 1.0), (0.9549, 1.0)),
        (5.0, (0.0, 5.0), (4.7747, 5.0)),
        (0.0, (0.0, None), None),
        (0.3, (0.0, 1.0), None),
    ],
)
def test_no_spread_is_no_certainty(
    world: Evidence,
    arm: Arm,
    value: float,
    bounds: tuple[float | None, float | None],
    interval: tuple[float, float] | None,
) -> None:
    measure = find(one_metric(world, arm, compute=constant(value), bounds=bounds), "strong").measures["m.m"]
    assert measure.mean == pytest.approx(value)
    if interval is None:
        assert (measure.low, measure.high) == (None, None)
    else:
        assert (measure.low, measure.high) == pytest.approx(interval, abs=1e-4)


def test_the_interval_of_a_share_of_users_is_exact(evaluated: EvaluatedSplit) -> None:
    hit = find(evaluated, "chance").measures["hit@5"]
    assert hit.mean is not None
    assert (hit.low, hit.high) == binomial_interval(round(hit.mean * hit.n_users), hit.n_users, 0.95)


def test_a_star_needs_the_interval_as_well_as_the_p_value(world: Evidence, arm: Arm) -> None:
    """Every user is better off by the same: the test is sure, and resamples without spread give no interval."""
    compute = per_user(lambda number: (pl.col("score") > 1).cast(pl.Float64))
    difference = find(one_metric(world, arm, compute=compute), "strong").differences["m.m"]
    assert difference.mean == 1.0
    assert difference.p_adjusted is not None
    assert difference.p_adjusted < 0.01
    assert (difference.low, difference.high, difference.significant) == (None, None, False)
    assert difference.detectable is None


def test_every_star_has_an_interval_off_zero_and_a_p_value_that_reaches_the_level(evaluated: EvaluatedSplit) -> None:
    differences = [d for result in evaluated.arms for d in result.differences.values()]
    for d in differences:
        off_zero = d.low is not None and d.high is not None and (d.low > 0 or d.high < 0)
        assert d.significant == (off_zero and d.p_adjusted is not None and d.p_adjusted <= 0.05)
    assert any(d.low is not None and d.low > 0 and not d.significant for d in differences)  # the correction decides too


def test_every_slice_is_a_family_of_its_own(world: Evidence, arm: Arm) -> None:
    """What an arm shows over everybody does not make it easier for a slice to have a sign."""
    alone = {"chance": arm(0.0), "one": arm(0.0, 4)}
    adjusted = []
    for more in ({}, {f"strong{i}": arm(9.0, i) for i in range(3)}):
        evaluated = evaluate_split(alone | more, world, metrics={}, settings=SETTINGS, k=K, seed=7)
        families = {part: [r for r in evaluated.arms if r.slice == part] for part in ("all", "tail items")}
        for part, arms in families.items():
            p = np.array([d.p_adjusted for result in arms for d in result.differences.values()], dtype=float)
            adjusted.append((part, p))
            raw = np.array(
                [
                    sign_flip_test((values[key] - values["chance", part, key[2]])[:, 0, None])[0]
                    for values in [evaluated.values]
                    for result in arms
                    for key in [(result.name, part, name) for name in result.differences]
                ]
            )
            assert p == pytest.approx(false_discovery(raw), nan_ok=True)
    assert len(adjusted) == 4


def test_differences_say_over_whom_they_are_and_what_they_could_have_shown(
    evaluated: EvaluatedSplit, lists: dict[str, pl.DataFrame]
) -> None:
    strong, chance = find(evaluated, "strong"), find(evaluated, "chance")
    for name, difference in strong.differences.items():
        assert difference.mean_arm is not None
        assert difference.mean_baseline is not None
        assert difference.mean == pytest.approx(difference.mean_arm - difference.mean_baseline), name
        assert (difference.effective_users is None) == (name in ("coverage@5", "entropy@5", "simpson@5", "gini@5"))
    wide = evaluated.per_user.filter((pl.col("slice") == "all") & (pl.col("measure") == "ndcg@5"))
    both = wide.filter(arm="strong").join(wide.filter(arm="chance"), on="user_id")
    d = (both["value"] - both["value_right"]).to_numpy()
    ndcg = strong.differences["ndcg@5"]
    assert ndcg.effective_users == pytest.approx(np.abs(d).sum() ** 2 / (d**2).sum())
    assert ndcg.detectable == pytest.approx((1.959964 + 0.841621) * d.std(ddof=1) / np.sqrt(len(d)), rel=1e-5)
    assert chance.measures["ndcg@5"].effective_users is None


def test_a_mean_over_users_whom_the_lists_decide_is_compared_over_the_same_users(
    evaluated: EvaluatedSplit, world: Evidence, arm: Arm
) -> None:
    """A value for users whose first item has an even number: two arms, two sets of users."""

    def compute(judged: Judged) -> pl.DataFrame:
        first = judged.lists.filter(pl.col("rank") == 1)
        number = pl.col("user_id").str.slice(1).cast(pl.Float64)
        return first.filter(pl.col("item_id").str.slice(1).cast(pl.Int64) % 2 == 0).select("user_id", value=number)

    conditional = one_metric(world, arm, compute=compute)
    difference = find(conditional, "strong").differences["m.m"]
    strong, chance = (find(conditional, name).measures["m.m"] for name in ("strong", "chance"))
    assert difference.n_users < min(strong.n_users, chance.n_users)
    assert difference.mean_arm == difference.mean_baseline != strong.mean
    assert difference.mean == 0.0


def test_money_is_drawn_in_where_the_configuration_says_so_and_its_label_says_it(world: Evidence, arm: Arm) -> None:
    """80 users spend their number; the largest 79th part is cut, for all arms and slices at one end."""
    money = per_user(lambda number: pl.when(number == 79).then(10_000.0).otherwise(number))
    settings = SETTINGS.model_copy(update={"winsorise": 0.05})
    plain = one_metric(world, arm, compute=money, bounds=(0.0, None))
    drawn_in = one_metric(world, arm, settings, compute=money, bounds=(0.0, None))
    bounded = one_metric(world, arm, settings, compute=money, bounds=(0.0, 10_000.0))
    end = float(np.quantile(np.repeat([*range(1, 79), 10_000], 2), 0.95, method="lower"))
    assert find(plain, "strong").measures["m.m"].mean == pytest.approx((sum(range(79)) + 10_000) / 80)
    assert find(drawn_in, "strong").measures["m.m"].mean == pytest.approx(np.minimum(np.arange(80), end).mean())
    assert find(bounded, "strong").measures["m.m"].mean == find(plain, "strong").measures["m.m"].mean
    assert drawn_in.per_user.filter(measure="m.m")["value"].max() == end
    in_slices = drawn_in.per_user.filter((pl.col("measure") == "m.m") & (pl.col("arm") == "strong"))
    assert in_slices["slice"].n_unique() == 3
    assert in_slices.group_by("user_id").agg(pl.col("value").n_unique())["value"].max() == 1  # one end for every slice
    labels = [next(info.label for info in one.measures if info.name == "m.m") for one in (plain, drawn_in, bounded)]
    assert labels == ["M", "M, winsorised 5 %", "M"]
    few = find(plain, "strong").measures["m.m"].effective_users
    assert few is not None
    assert few < 2  # one user has nearly all
    assert find(bounded, "strong").measures["m.m"].effective_users is None


def test_every_measure_says_over_whom_its_mean_is(evaluated: EvaluatedSplit) -> None:
    assert all(info.estimand.endswith(".") for info in evaluated.measures)
    by_name = {info.name: info.estimand for info in evaluated.measures}
    assert "not splits, slices or runs" in by_name["coverage@5"]
    assert by_name["content.stars"] == "Mean over the served users for whom it is defined."


def shown_to_everybody(world: Evidence, *, n_without: int, unserved_clicks: bool = False) -> pl.DataFrame:
    """Every served user is shown two of all items after the cut, and so are ``n_without`` users who are served nothing."""
    others = pl.Series([f"x{i:03d}" for i in range(n_without)], dtype=pl.String)
    users = pl.concat([world.users, others])
    dice = np.random.default_rng(4)
    n = 2 * len(users)
    return pl.DataFrame(
        {
            "user_id": np.repeat(users.to_numpy(), 2),
            "item_id": world.items["item_id"].to_numpy()[dice.integers(len(world.items), size=n)],
            "click": (dice.random(n) < 0.5) & (np.arange(n) < (n if unserved_clicks else 2 * len(world.users))),
        }
    ).with_columns(
        timestamp=pl.lit(world.history["timestamp"].max()) + pl.duration(days=1),
        propensity=pl.lit(1 / len(world.items)),
    )


def test_a_click_rate_is_over_all_who_were_shown_something_and_has_no_slices(
    world: Evidence, lists: dict[str, pl.DataFrame]
) -> None:
    exposures = shown_to_everybody(world, n_without=40)
    exposures = pl.concat([exposures, exposures.head(31)])  # to some more often than to others
    items = world.items.with_columns(kind=pl.lit("item"))
    logged = replace(world, exposures=exposures, items=items)
    metrics = {"m.clicks": click_through_rate(description="M."), "m.stars": METRICS["content.stars"]}
    evaluated = evaluate_split(lists, logged, metrics=metrics, settings=SETTINGS, k=K, seed=7)
    of_lists = exposures.join(lists["strong"], on=["user_id", "item_id"], how="semi")
    of_lists_row = exposures.with_row_index().join(of_lists.filter("click"), on=["user_id", "item_id"], how="semi")[
        "index"
    ][0]
    rate = find(evaluated, "strong").measures["m.clicks"]
    assert rate.mean == pytest.approx(of_lists["click"].sum() * len(items) / K / exposures.height)
    drawn_in = SETTINGS.model_copy(update={"winsorise": 0.45})
    same = evaluate_split(lists, logged, metrics=metrics, settings=drawn_in, k=K, seed=7)
    assert find(same, "strong").measures["m.clicks"] == rate  # its values are no user's own
    assert (rate.n_users, find(evaluated, "strong").differences["m.clicks"].n_users) == (120, 120)
    few = exposures.with_columns(click=pl.col("click") & (pl.int_range(pl.len()) == of_lists_row))
    ends = find(
        evaluate_split(lists, replace(logged, exposures=few), metrics=metrics, settings=SETTINGS, k=K, seed=7), "strong"
    )
    assert ends.measures["m.clicks"].low == 0.0  # the mean keeps to its bound, though values of users do not
    assert {result.slice for result in evaluated.arms if "m.clicks" in result.measures} == {"all"}
    assert evaluated.per_user.filter(arm="strong", measure="m.clicks").height == 120
    # Whoever was served nothing changes no other measure.
    plain = evaluate_split(lists, world, metrics={"m.stars": METRICS["content.stars"]}, settings=SETTINGS, k=K, seed=7)
    for name, measure in find(plain, "strong").measures.items():
        assert find(evaluated, "strong").measures[name] == measure


def test_a_click_rate_is_sliced_by_where_things_were_shown(world: Evidence, lists: dict[str, pl.DataFrame]) -> None:
    exposures = shown_to_everybody(world, n_without=0)
    n = pl.int_range(pl.len())
    surface = pl.when(n % 3 == 0).then(pl.lit("home")).otherwise(pl.lit("mail"))
    exposures = exposures.with_columns(surface=surface, position=(n % 2) + 1)
    items = world.items.with_columns(kind=pl.lit("item"))
    metrics = {"m.clicks": click_through_rate(description="M.")}

    def rates(log: pl.DataFrame) -> dict[str, Measure]:
        logged = replace(world, exposures=log, items=items)
        evaluated = evaluate_split(lists, logged, metrics=metrics, settings=SETTINGS, k=K, seed=7)
        of_arm = [result for result in evaluated.arms if result.name == "strong"]
        return {one.slice: one.measures["m.clicks"] for one in of_arm if "m.clicks" in one.measures}

    by_slice = rates(exposures)
    assert set(by_slice) == {"all", "surface home", "surface mail", "position 1", "positions 2 to 3"}
    for name, part in {"surface home": pl.col("surface") == "home", "position 1": pl.col("position") == 1}.items():
        assert by_slice[name].mean == pytest.approx(rates(exposures.filter(part))["all"].mean)
    unclicked = exposures.with_columns(click=pl.col("click") & (pl.col("surface") != "home"))
    assert "surface home" not in rates(unclicked)  # no click, no rate
    assert set(rates(exposures.with_columns(surface=pl.lit("home"), position=1))) == {"all"}


def test_where_items_are_of_several_kinds_accuracy_is_that_of_each_kind_too(
    world: Evidence, lists: dict[str, pl.DataFrame]
) -> None:
    is_friend = pl.int_range(pl.len()) % 4 == 0
    kinds = world.items.with_columns(kind=pl.when(is_friend).then(pl.lit("friend")).otherwise(pl.lit("game")))
    mixed = replace(world, items=kinds)
    evaluated = evaluate_split(lists, mixed, metrics={}, settings=SETTINGS, k=K, seed=7)
    friends = kinds.filter(pl.col("kind") == "friend")["item_id"]
    of_friends = world.relevant.filter(pl.col("item_id").is_in(friends.implode()))
    users = of_friends["user_id"].unique()
    expected = accuracy.ndcg(lists["strong"], of_friends, users, k=K)["value"].mean()
    assert find(evaluated, "strong", "kind friend").measures[f"ndcg@{K}"].mean == pytest.approx(expected)
    assert find(evaluated, "strong", "kind friend").measures[f"ndcg@{K}"].n_users == len(users)
    assert find(evaluated, "strong", "kind game").differences  # against the baseline, as everywhere
    one_kind = replace(world, items=world.items.with_columns(kind=pl.lit("game")))
    alone = evaluate_split(lists, one_kind, metrics={}, settings=SETTINGS, k=K, seed=7)
    assert not [arm for arm in alone.arms if arm.slice.startswith("kind ")]


def test_a_click_rate_of_the_served_alone_is_not_measured_and_says_why(
    world: Evidence, lists: dict[str, pl.DataFrame]
) -> None:
    exposures = shown_to_everybody(world, n_without=40, unserved_clicks=True)
    logged = replace(world, exposures=exposures, items=world.items.with_columns(kind=pl.lit("item")))
    metrics = {"m.clicks": click_through_rate(description="M.")}
    evaluated = evaluate_split(lists, logged, metrics=metrics, settings=SETTINGS, k=K, seed=7)
    (absent,) = evaluated.not_measured
    assert "are of users who liked nothing then and were served no list" in absent.reason
    assert all("m.clicks" not in result.measures for result in evaluated.arms)


def test_measures_beside_the_history_are_those_of_the_functions(world: Evidence, arm: Arm) -> None:
    lists = arm(0.4).filter(pl.col("rank") <= K)
    evaluation = evaluate_split({"chance": lists}, world, metrics={}, settings=SETTINGS, k=K, seed=7)
    means = {name: measure.mean for name, measure in find(evaluation, "chance").measures.items()}
    items = world.items["item_id"]
    expected = {
        "serendipity@5": serendipity(lists, world.relevant, world.known_likes, items, k=K),
        "topic-kl@5": topic_divergence(lists, world.known_likes, world.items, "genres"),
        "topic-hellinger@5": topic_hellinger(lists, world.known_likes, world.items, "genres"),
        "popularity-lift@5": popularity_lift(lists, world.known_likes, items),
    }
    for name, table in expected.items():
        served = table.filter(pl.col("user_id").is_in(world.users.implode()))
        assert means[name] == pytest.approx(served["value"].drop_nulls().drop_nans().mean()), name
    assert 0 < (means["debiased-ndcg@5"] or 0) < 1


@pytest.fixture(scope="module")
def second_draw(world: Evidence, arm: Arm) -> Draw:
    """Other relevant items, other lists, and one user fewer."""
    users = world.users[1:]
    relevant = world.relevant.filter(pl.col("user_id").is_in(users.implode()))
    shuffled = relevant.with_columns(item_id=pl.col("item_id").shuffle(seed=1)).unique()
    lists = {"chance": arm(0.0, 8), "weak": arm(0.3, 9), "strong": arm(1.5, 10)}
    return Draw(
        {name: table.filter(pl.col("user_id").is_in(users.implode())) for name, table in lists.items()},
        replace(world, users=users, relevant=shuffled),
    )


def test_means_of_several_draws_are_over_draws(
    lists: dict[str, pl.DataFrame], world: Evidence, second_draw: Draw, evaluated: EvaluatedSplit
) -> None:
    both = evaluate_split(lists, world, [second_draw], metrics=METRICS, settings=SETTINGS, k=K, seed=7)
    second = evaluate_split(
        second_draw.lists_by_arm, second_draw.evidence, metrics=METRICS, settings=SETTINGS, k=K, seed=7
    )
    for arm_name in lists:
        for name in ("ndcg@5", "hit@5", "novelty@5", "coverage@5"):
            means = [find(one, arm_name).measures[name].mean or 0.0 for one in (evaluated, second)]
            measure = find(both, arm_name).measures[name]
            assert measure.mean == pytest.approx(sum(means) / 2), name
    difference = find(both, "strong").differences["ndcg@5"]
    assert (difference.mean_arm or 0) - (difference.mean_baseline or 0) == pytest.approx(difference.mean)
    assert both.per_user["draw"].unique().sort().to_list() == [1, 2]
    of_first = both.per_user.filter(draw=1).drop("draw")
    assert of_first.sort(pl.all()).equals(evaluated.per_user.drop("draw").sort(pl.all()))
    of_second = both.per_user.filter(draw=2).drop("draw")
    assert of_second.sort(pl.all()).equals(second.per_user.drop("draw").sort(pl.all()))


def test_draws_that_differ_widen_the_interval(
    lists: dict[str, pl.DataFrame], world: Evidence, second_draw: Draw, evaluated: EvaluatedSplit
) -> None:
    both = evaluate_split(lists, world, [second_draw], metrics=METRICS, settings=SETTINGS, k=K, seed=7)

    def width(one: EvaluatedSplit) -> float:
        measure = find(one, "strong").measures["ndcg@5"]
        assert measure.low is not None
        assert measure.high is not None
        return measure.high - measure.low

    assert find(both, "strong").measures["ndcg@5"].mean != find(evaluated, "strong").measures["ndcg@5"].mean
    assert width(both) > width(evaluated)


def test_hits_that_no_draw_has_are_counted_in_users_and_not_taken_for_certain(
    lists: dict[str, pl.DataFrame], world: Evidence
) -> None:
    nowhere = replace(world, relevant=world.relevant.with_columns(item_id=pl.lit("i00")).unique())
    nothing = {name: table.filter(pl.col("item_id") != "i00") for name, table in lists.items()}
    draws = [Draw(nothing, nowhere)]
    both = evaluate_split(nothing, nowhere, draws, metrics={}, settings=SETTINGS, k=K, seed=7)
    hit = find(both, "strong").measures["hit@5"]
    assert (hit.mean, hit.low) == (0.0, 0.0)
    assert hit.high == pytest.approx(binomial_interval(0, hit.n_users, 0.95)[1])
