"""Sums of silos: the arm of the merged ones is the arm of all events, and nothing else is let through."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.sparse import csr_matrix, diags

from recsat.arms.aligned import AlignedText
from recsat.arms.ease_text import EaseText
from recsat.arms.federated import (
    Sums,
    masked,
    merge,
    noise_scale,
    price_of_privacy,
    private_sums,
    read_sums,
    sums_of,
    write_sums,
)
from recsat.contract.interactions import Catalogue, TrainingData
from recsat.errors import ConfigError
from recsat.testing.worlds import taste_groups, without_events_on

SILOS = ("east", "north", "south")
SECRETS = {
    pair: f"{pair[0]}-{pair[1]}".ljust(40, "x") for pair in (("east", "north"), ("east", "south"), ("north", "south"))
}


@pytest.fixture(scope="module")
def world() -> TrainingData:
    """With items that nobody has used."""
    return without_events_on(taste_groups(), slice(3))


@pytest.fixture(scope="module")
def parts(world: TrainingData) -> list[Sums]:
    places = np.random.default_rng(0).integers(0, 3, len(world.users))
    return [
        sums_of(replace(world, users=world.users.take(np.flatnonzero(places == i))), silo=silo, encoder="e")
        for i, silo in enumerate(SILOS)
    ]


def masks(parts: list[Sums], round_name: str = "one") -> list[Sums]:
    secrets = {
        silo: {other: SECRETS[tuple(sorted((silo, other)))] for other in SILOS if other != silo}
        for silo in SILOS  # type: ignore[index]
    }
    return [masked(part, secrets[part.silos[0]], round_name) for part in parts]


@pytest.mark.parametrize("with_masks", [False, True])
@pytest.mark.parametrize(
    "make", [lambda sums: AlignedText(sums=sums), lambda sums: EaseText(sums=sums)], ids=["aligned", "ease-text"]
)
def test_the_merged_arm_is_the_arm_of_all_events(
    world: TrainingData, parts: list[Sums], make, with_masks: bool, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    write_sums(merge(masks(parts) if with_masks else parts), tmp_path / "all.safetensors")
    pooled = make(None).fit(world).score(world.users).numpy()
    nobody = replace(world, users=world.users.take(slice(0, 0)))
    merged = make(str(tmp_path / "all.safetensors")).fit(nobody).score(world.users).numpy()
    np.testing.assert_allclose(merged, pooled, atol=2e-6)
    np.testing.assert_array_equal(
        np.argsort(-merged.round(5), kind="stable"), np.argsort(-pooled.round(5), kind="stable")
    )
    one = parts[0]
    write_sums(one, tmp_path / "one.safetensors")
    alone = make(str(tmp_path / "one.safetensors")).fit(nobody).score(world.users).numpy()
    assert np.abs(alone - pooled).max() > 0.01


def test_files_in_any_order_give_one_result(parts: list[Sums]) -> None:
    totals = [merge(list(order)) for order in permutations(parts)]
    for total in totals[1:]:
        assert total.silos == totals[0].silos == SILOS
        for name, array in total.arrays.items():
            np.testing.assert_array_equal(array, totals[0].arrays[name])


def test_masked_sums_are_exact_and_a_message_says_nothing(parts: list[Sums]) -> None:
    plain, hidden = merge(parts), masks(parts)
    total = merge(hidden)
    for name, array in plain.arrays.items():
        assert np.abs(total.arrays[name] - array).max() < 1e-8
    message = hidden[0].arrays["gram"].astype(np.float64).ravel()
    assert abs(np.corrcoef(message, parts[0].arrays["gram"].ravel())[0, 1]) < 0.1
    again = masks(parts, "two")[0].arrays["gram"]
    assert (again != hidden[0].arrays["gram"]).all()


def test_one_silo_that_is_missing_hides_all(parts: list[Sums], world: TrainingData, tmp_path: Path) -> None:
    hidden = masks(parts)
    with pytest.raises(ConfigError, match="need south too"):
        merge(hidden[:2])
    write_sums(hidden[0], tmp_path / "one.safetensors")
    with pytest.raises(ConfigError, match="are masked"):
        AlignedText(sums=str(tmp_path / "one.safetensors")).fit(world)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"catalogue": "other"}, "differ in catalogue"),
        ({"encoder": "other"}, "differ in encoder"),
        ({"silos": ("north",)}, "silo north is there twice"),
        ({"epsilon": 1.0}, "differ in epsilon"),
        ({"arrays": {"text": np.eye(8)}}, "hold other sums"),
    ],
)
def test_what_does_not_belong_together_is_refused(parts: list[Sums], change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        merge([replace(parts[0], **change), *parts[1:]])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="nothing to merge"):
        merge([])


def test_another_catalogue_or_encoder_is_refused_where_sums_are_used(
    world: TrainingData, parts: list[Sums], tmp_path: Path
) -> None:
    write_sums(merge(parts), tmp_path / "all.safetensors")
    arm = AlignedText(sums=str(tmp_path / "all.safetensors"))
    reordered = replace(world, catalogue=Catalogue(world.catalogue.items.reverse()))
    with pytest.raises(ConfigError, match="over another catalogue"):
        arm.fit(reordered)
    for arm_of_file in (arm, EaseText(sums=str(tmp_path / "all.safetensors"))):
        with pytest.raises(ConfigError, match=r"the sums are of another encoder's vectors \(e\) than this run's \(f\)"):
            arm_of_file.fit(replace(world, encoder="f"))
        arm_of_file.fit(replace(world, encoder="e"))
    shorter = replace(world, vectors={"text": world.vectors["text"][:, :5]})
    with pytest.raises(ConfigError, match="vectors of length 8"):
        arm.fit(shorter)


def test_files_come_back_as_they_were_and_others_are_refused(parts: list[Sums], tmp_path: Path) -> None:
    for i, part in enumerate([parts[0], masks(parts)[1], replace(parts[2], epsilon=0.1, delta=1e-5, clip=2.0)]):
        write_sums(part, path := tmp_path / f"{i}.safetensors")
        back = read_sums(path)
        assert replace(back, arrays={}) == replace(part, arrays={})
        for name, array in part.arrays.items():
            np.testing.assert_array_equal(back.arrays[name], array)
    (tmp_path / "text").write_text("no sums")
    for path in (tmp_path / "text", tmp_path / "none"):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_sums(path)


def test_masks_need_long_secrets_a_round_and_small_numbers(parts: list[Sums]) -> None:
    good = {"north": "x" * 32, "south": "y" * 32}
    for secrets, round_name, message in (
        ({**good, "south": "short"}, "one", "fewer than 32"),
        (good, "", "name the round"),
        ({**good, "east": "z" * 32}, "one", "none for this one"),
    ):
        with pytest.raises(ConfigError, match=message):
            masked(parts[0], secrets, round_name)
    large = replace(parts[0], arrays={"text": np.full((2, 2), 1e9)})
    with pytest.raises(ConfigError, match="too large for 3 silos"):
        masked(large, good, "one")


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_the_noise_is_the_least_that_is_private(epsilon: float) -> None:
    from scipy.stats import norm

    sigma = noise_scale(epsilon, 1e-5, 2.0) / 2.0
    spent = norm.cdf(1 / (2 * sigma) - epsilon * sigma) - np.exp(epsilon) * norm.cdf(-1 / (2 * sigma) - epsilon * sigma)
    assert spent == pytest.approx(1e-5, rel=1e-3)
    with pytest.raises(ConfigError, match="must be above 0"):
        noise_scale(0.0, 1e-5, 1.0)


def test_one_user_moves_private_sums_by_the_clip_at_most(world: TrainingData) -> None:
    """Without noise to speak of; the sums themselves would move by more."""
    loud = {"silo": "s", "encoder": "e", "epsilon": 1e6, "delta": 1e-5, "clip": 0.3, "seed": 0}
    without = replace(world, users=world.users.take(slice(1, None)))
    moved = private_sums(world, **loud).arrays["text"] - private_sums(without, **loud).arrays["text"]  # type: ignore[arg-type]
    plain = (
        sums_of(world, silo="s", encoder="e").arrays["text"] - sums_of(without, silo="s", encoder="e").arrays["text"]
    )
    assert np.linalg.norm(moved) < 0.32
    assert np.linalg.norm(plain) > 0.5


def test_the_price_is_what_the_noise_is_beside_the_sums(world: TrainingData) -> None:
    """Against drawn noise; without much of it every direction that there is stands out, with much of it none."""
    history, E = world.users.history, world.vectors["text"].astype(np.float64)
    n, d = np.diff(history.indptr), E.shape[1]
    sums = history @ E
    A = sum(np.outer(row, row) / size for row, size in zip(sums, n, strict=True) if size)
    loose = price_of_privacy(world, epsilon=1.0, delta=1e-5, clip=1e6)
    upper = np.triu(np.random.default_rng(0).normal(0, noise_scale(1.0, 1e-5, 1e6), (d, d)))
    of_noise = np.linalg.norm(upper + np.triu(upper, 1).T)
    assert loose.ratio == pytest.approx(np.linalg.norm(A) / of_noise, rel=0.3)
    assert (loose.n_users, loose.n_clipped, loose.n_above, loose.n_directions) == (int((n > 0).sum()), 0, 0, d)
    tight = price_of_privacy(world, epsilon=1e9, delta=1e-5, clip=0.3)
    assert tight.n_above == np.linalg.matrix_rank(A)
    parts = (sums**2).sum(axis=1) / n.clip(min=1)
    assert tight.n_clipped == (parts > 0.3).sum() > 0


def test_the_price_counts_directions_above_the_largest_of_the_noise_and_users_with_a_like(world: TrainingData) -> None:
    """A little less noise than hides the strongest direction, and a little more; three users have no like."""
    history = csr_matrix(diags((np.arange(world.users.history.shape[0]) > 2).astype(np.float32)) @ world.users.history)
    history.eliminate_zeros()
    without = replace(world, users=replace(world.users, history=history))
    sums, n = history @ world.vectors["text"].astype(np.float64), np.diff(history.indptr)
    A = sum(np.outer(row, row) / size for row, size in zip(sums, n, strict=True) if size)
    largest, clip = np.linalg.eigvalsh(A)[-1], float(((sums**2).sum(axis=1) / n.clip(min=1)).max())
    for factor, stands_out in ((0.9, True), (1.1, False)):
        sigma = factor * largest / (2 * np.sqrt(len(A)))
        epsilon = float(brentq(lambda one, sigma=sigma: noise_scale(one, 1e-5, clip) - sigma, 1e-4, 1e6))
        price = price_of_privacy(without, epsilon=epsilon, delta=1e-5, clip=clip)
        assert (price.n_above > 0) is stands_out
        assert price.n_users == int((n > 0).sum()) == len(n) - 3


def test_private_sums_hold_nothing_but_what_noise_covers(world: TrainingData, tmp_path: Path) -> None:
    sums = private_sums(world, silo="s", encoder="e", epsilon=50.0, delta=1e-5, clip=5.0, seed=1)
    assert set(sums.arrays) == {"text"}
    assert np.linalg.eigvalsh(sums.arrays["text"]).min() > -1e-9
    write_sums(sums, path := tmp_path / "private.safetensors")
    assert AlignedText(sums=str(path)).fit(world).score(world.users).isfinite().all()
    with pytest.raises(ConfigError, match="no item pairs"):
        EaseText(sums=str(path)).fit(world)
