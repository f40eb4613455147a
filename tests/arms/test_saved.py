"""A fitted arm outlives its process, and what is not it is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from recsat import ArmState, SavedArmError
from recsat.arms.attributes import packed, unpacked
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.popularity import Popularity
from recsat.arms.profile_text import ProfileText
from recsat.arms.saved import ARRAYS, DESCRIPTION, FORMAT, SUMS, ArmItems, load_arm, save_arm
from recsat.arms.text import TextSimilarity
from recsat.builtin.arms import RECOMMENDERS
from recsat.contract.arm import Recommender
from recsat.contract.interactions import Catalogue, TrainingData
from recsat.errors import DiskFull
from recsat.testing.recommender_contract import answers_of
from recsat.testing.worlds import rated, taste_groups, without_events_on

MAKE = {spec.name: spec.make for spec in RECOMMENDERS if spec.control is None}
EVERY_ARM: dict[str, tuple[Callable[..., Recommender], dict[str, Any]]] = {
    # Settings that are none's default: an arm that is loaded into a plain one must bring its own.
    "popularity": (MAKE["popularity"], {}),
    "popularity-recent": (MAKE["popularity-recent"], {"half_life": 0.3}),
    "market-popularity": (MarketPopularity, {"prior_users": 3.0, "half_life": 0.2}),
    "profile": (ProfileText, {}),
    "text-raw": (MAKE["text-raw"], {}),
    "text": (MAKE["text"], {}),
    "text-user": (MAKE["text-user"], {}),
    "text-user-centred": (MAKE["text-user"], {"centred": True}),
    "item-knn": (MAKE["item-knn"], {"n_neighbours": 7}),
    "ease": (MAKE["ease"], {"l2": 11.0}),
    "ials": (MAKE["ials"], {"factors": 6, "alpha": 8.0, "regularisation": 2.0}),
    "mf": (MAKE["mf"], {"factors": 3, "l2": 2.0, "bias_l2": 1.0}),
    "aligned": (MAKE["aligned"], {"l2": 0.3, "popularity_power": 0.25}),
    "ease-text": (MAKE["ease-text"], {"l2": 20.0, "text_l2": 3.0}),
    "ials-text": (MAKE["ials-text"], {"factors": 8, "alpha": 3.0, "regularisation": 10.0}),
    "aligned-both": (MAKE["aligned-both"], {"l2": 0.3, "words_share": 0.3}),
    "ease-text-both": (MAKE["ease-text-both"], {"l2": 20.0, "words_share": 0.3}),
    "ials-text-both": (MAKE["ials-text-both"], {"factors": 8, "words_share": 0.3}),
    "linear-order": (MAKE["linear-order"], {"l2": 7.0, "together": 0.4, "step_decay": 2.0, "history_decay": None}),
    "linear-order-text": (MAKE["linear-order-text"], {"prior": 9.0, "text_l2": 2.0, "history_decay": 1.5}),
    "hybrid": (MAKE["hybrid"], {"n_errors": 0.5, "rounds": 2}),
    "hybrid-large": (MAKE["hybrid"], {"dense_limit": 10, "rounds": 1}),
    "sequence": (MAKE["sequence"], {"width": 16, "n_heads": 4, "n_layers": 1, "length": 12, "epochs": 2}),
    "multimodal": (MAKE["multimodal"], {"weights": {"text": 0.6, "picture": 0.4, "sound": 0.0}}),
}
FRESH = """
import sys
from pathlib import Path
import numpy as np
from test_saved import EVERY_ARM, ITEMS, loaded, world
from recsat.testing.recommender_contract import answers_of
for name in EVERY_ARM:
    arm = loaded(name, Path(sys.argv[1]) / name)
    np.savez(Path(sys.argv[2]) / f"{name}.npz", **answers_of(arm, world()))
"""


def world() -> TrainingData:
    """Three taste groups with times, ratings, markets, profiles, pictures, and items that nobody has used."""
    train = without_events_on(taste_groups(), slice(3))
    rng = np.random.default_rng(5)
    times = train.users.history.astype(np.float64)
    times.data[:] = rng.integers(1_600_000_000, 1_600_100_000, len(times.data))
    markets = np.array(["north", "south", ""])[np.arange(60) % 3]
    profiles = rng.standard_normal((60, 8)).astype(np.float32)
    users = replace(train.users, times=times, markets=markets, profile_vectors=profiles)
    vectors = {
        name: rng.standard_normal((30, width)).astype(np.float32)
        for name, width in (("picture", 5), ("sound", 4), ("words", 8))
    }
    raw = train.vectors["raw"] + np.float32(0.5)
    users = replace(users, text_vectors=rng.standard_normal((60, raw.shape[1])).astype(np.float32))
    return rated(
        replace(train, users=users, now=1_600_100_000.0, vectors={"raw": raw, "text": train.vectors["text"], **vectors})
    )


WORLD = world()
ITEMS = ArmItems(WORLD.catalogue, WORLD.vectors)


@cache
def fitted(name: str) -> Recommender:
    make, parameters = EVERY_ARM[name]
    return make(**parameters).fit(WORLD)


def loaded(name: str, folder: Path, items: ArmItems = ITEMS) -> Recommender:
    """From ``folder`` into an arm with the default settings."""
    return load_arm(EVERY_ARM[name][0](), folder, name=name, items=items)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arms")
    for name in EVERY_ARM:
        save_arm(fitted(name), folder / name, name=name, items=ITEMS)
    return folder


@pytest.fixture(scope="module")
def in_a_fresh_process(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    out = tmp_path_factory.mktemp("answers")
    command = [sys.executable, "-c", FRESH, str(folders), str(out)]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: dict(np.load(out / f"{name}.npz")) for name in EVERY_ARM}


def assert_same(answers: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(answers) == list(expected)
    for key, value in expected.items():
        assert answers[key].dtype == value.dtype, key
        assert answers[key].tobytes() == value.tobytes(), key


@pytest.mark.parametrize("name", EVERY_ARM)
def test_every_arm_is_the_same_in_a_fresh_process(
    name: str, in_a_fresh_process: dict[str, dict[str, np.ndarray]]
) -> None:
    assert_same(in_a_fresh_process[name], answers_of(fitted(name), WORLD))


@pytest.mark.parametrize("name", EVERY_ARM)
def test_every_arm_is_the_same_with_settings_of_its_own_and_can_be_saved_again(
    name: str, folders: Path, tmp_path: Path
) -> None:
    arm = loaded(name, folders / name)
    assert_same(answers_of(arm, WORLD), answers_of(fitted(name), WORLD))
    save_arm(arm, tmp_path / name, name=name, items=ITEMS)
    assert_same(answers_of(loaded(name, tmp_path / name), WORLD), answers_of(arm, WORLD))


def test_every_arm_of_recsat_is_tried() -> None:
    assert set(MAKE) <= set(EVERY_ARM)


@pytest.mark.parametrize("name", EVERY_ARM)
def test_the_vectors_of_the_run_are_written_by_no_arm(name: str, folders: Path) -> None:
    arrays = load_file(folders / name / ARRAYS)
    shared = {vectors.tobytes() for vectors in WORLD.vectors.values()}
    assert not [key for key, array in arrays.items() if array.tobytes() in shared]
    if name != "text-user-centred":  # which centres the raw vectors itself
        assert not [key for key in arrays if "item_vectors" in key]


def test_vectors_that_the_run_does_not_keep_are_written_with_the_arm(tmp_path: Path) -> None:
    items = ArmItems(WORLD.catalogue, {"text": WORLD.vectors["text"]})
    save_arm(fitted("multimodal"), tmp_path / "arm", name="multimodal", items=items)
    assert_same(
        answers_of(loaded("multimodal", tmp_path / "arm", items), WORLD), answers_of(fitted("multimodal"), WORLD)
    )


def test_a_loaded_arm_shares_the_vectors_of_the_run(folders: Path) -> None:
    arm = loaded("hybrid", folders / "hybrid")
    assert isinstance(arm, Hybrid)
    assert arm.unseen_total.texts["text"].item_vectors is WORLD.vectors["text"]


def test_loading_leaves_the_global_random_numbers_as_they_are(folders: Path) -> None:
    before = torch.random.get_rng_state()
    loaded("sequence", folders / "sequence")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_arm_that_is_saved_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for name in ("ease", "popularity"):
        save_arm(fitted(name), tmp_path / "arm", name=name, items=ITEMS)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["arm", DESCRIPTION, ARRAYS, SUMS])
    assert_same(answers_of(loaded("popularity", tmp_path / "arm"), WORLD), answers_of(fitted("popularity"), WORLD))


def test_what_is_saved_can_be_looked_at_without_torch(folders: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from recsat.arms.saved import read_description; "
        "print(read_description(Path(sys.argv[1])).arm, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(folders / "ease")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ease False\n"


def test_sums_are_those_of_sha256sum(folders: Path) -> None:
    lines = (folders / "ease" / SUMS).read_text().splitlines()
    digests = [sha256((folders / "ease" / name).read_bytes()).hexdigest() for name in (DESCRIPTION, ARRAYS)]
    assert lines == [f"{digests[0]}  {DESCRIPTION}", f"{digests[1]}  {ARRAYS}"]


@pytest.fixture
def copy(folders: Path, tmp_path: Path) -> Path:
    """The saved aligned arm, to be spoilt."""
    target = tmp_path / "aligned"
    target.mkdir()
    for path in (folders / "aligned").iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def rewrite(folder: Path, **changes: Any) -> None:
    """Another description, with sums that fit."""
    content = json.loads((folder / DESCRIPTION).read_text())
    (folder / DESCRIPTION).write_text(json.dumps({**content, **changes}))
    sums = [f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in (DESCRIPTION, ARRAYS)]
    (folder / SUMS).write_text("".join(sums))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_changed_byte_anywhere_is_damage(data: st.DataObject, folders: Path) -> None:
    path = folders / "aligned" / data.draw(st.sampled_from([DESCRIPTION, ARRAYS, SUMS]))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    try:
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        with pytest.raises(SavedArmError, match=r"aligned is damaged: .* fit the arm anew\.$"):
            loaded("aligned", folders / "aligned")
    finally:
        path.write_bytes(whole)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_truncated_file_is_damage(data: st.DataObject, folders: Path) -> None:
    path = folders / "aligned" / data.draw(st.sampled_from([DESCRIPTION, ARRAYS, SUMS]))
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(SavedArmError, match="aligned is damaged"):
            loaded("aligned", folders / "aligned")
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [DESCRIPTION, ARRAYS, SUMS])
def test_a_folder_without_one_of_the_files_is_no_saved_arm(name: str, copy: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(SavedArmError, match=f"aligned is no saved arm: it has no {name}"):
        loaded("aligned", copy)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "another JSON": lambda folder: (folder / DESCRIPTION).write_text('{"model_type": "bert"}'),
    "a list": lambda folder: (folder / DESCRIPTION).write_text("[1]"),
    "no JSON": lambda folder: (folder / DESCRIPTION).write_bytes(b"\x80\x04\x95"),
    "no safetensors": lambda folder: (folder / ARRAYS).write_bytes(b"PK\x03\x04 a zip archive of something"),
}


@pytest.mark.parametrize("change", FOREIGN)
def test_files_of_another_origin_are_no_saved_arm(change: str, copy: Path) -> None:
    FOREIGN[change](copy)
    sums = [f"{sha256((copy / name).read_bytes()).hexdigest()}  {name}\n" for name in (DESCRIPTION, ARRAYS)]
    (copy / SUMS).write_text("".join(sums))
    with pytest.raises(SavedArmError, match=r"aligned is no saved arm: .*Name a folder of save_arm"):
        loaded("aligned", copy)


def test_an_unknown_field_is_of_another_origin(copy: Path) -> None:
    rewrite(copy, shards=3)
    with pytest.raises(SavedArmError, match="is no saved arm"):
        loaded("aligned", copy)


@pytest.mark.parametrize("version", [0, FORMAT - 1, str(FORMAT)])
def test_another_format_is_refused_with_both_numbers(version: object, copy: Path) -> None:
    rewrite(copy, format=version, something_new={})
    with pytest.raises(
        SavedArmError, match=f"has format {version!r}, and this recsat reads {FORMAT}. Install the recsat"
    ):
        loaded("aligned", copy)


@pytest.mark.parametrize(("name", "other"), [("aligned", "ease"), ("text", "text-raw"), ("ease", "ease-text")])
def test_another_arm_is_refused(name: str, other: str, folders: Path) -> None:
    with pytest.raises(SavedArmError, match=rf"holds the arm '{name}' \(\w+\), not '{other}' \(\w+\)"):
        loaded(other, folders / name)


def test_another_class_under_the_name_is_refused(folders: Path) -> None:
    with pytest.raises(SavedArmError, match=r"the arm 'ease' \(Ease\), not 'ease' \(Popularity\)"):
        load_arm(Popularity(), folders / "ease", name="ease", items=ITEMS)


def changed(vectors: np.ndarray) -> np.ndarray:
    other = vectors.copy()
    other[17, 3] = np.nextafter(other[17, 3], np.float32(2))
    return other


OTHER_VECTORS = {
    "in the last place of one number": changed,
    "in another order": lambda vectors: vectors[::-1],
    "of another type": lambda vectors: vectors.astype(np.float64),
    "of another shape": lambda vectors: vectors.reshape(len(vectors) * 2, -1),
}


@pytest.mark.parametrize("change", OTHER_VECTORS)
@pytest.mark.parametrize("name", ["text", "aligned", "hybrid", "multimodal", "profile"])
def test_other_item_vectors_are_refused(name: str, change: str, folders: Path) -> None:
    other = {**WORLD.vectors, "text": OTHER_VECTORS[change](WORLD.vectors["text"])}
    with pytest.raises(SavedArmError, match="the item vectors 'text' are others than those that the arm was fitted on"):
        loaded(name, folders / name, ArmItems(WORLD.catalogue, other))


def test_missing_item_vectors_are_refused(folders: Path) -> None:
    with pytest.raises(SavedArmError, match="the item vectors 'text' are missing"):
        loaded("aligned", folders / "aligned", ArmItems(WORLD.catalogue))


@pytest.mark.parametrize("change", [lambda items: items[::-1], lambda items: items[:-1]], ids=["order", "fewer"])
def test_another_catalogue_is_refused_though_the_arm_has_no_vectors(
    change: Callable[[pl.DataFrame], pl.DataFrame], folders: Path
) -> None:
    other = ArmItems(Catalogue(change(WORLD.catalogue.items)), WORLD.vectors)
    with pytest.raises(
        SavedArmError, match="arm 'popularity' was fitted on another catalogue, or one in another order"
    ):
        loaded("popularity", folders / "popularity", other)


def test_a_title_may_change(folders: Path) -> None:
    retitled = WORLD.catalogue.items.with_columns(pl.lit("new").alias("title"))
    assert loaded("popularity", folders / "popularity", ArmItems(Catalogue(retitled)))


class WithoutState(Recommender):
    fit = score = explain = lambda self, *arguments: self  # type: ignore[assignment]


class OfState(WithoutState):
    """An arm whose state is what it was made with."""

    def __init__(self, state: ArmState | None = None) -> None:
        self.values = state or ArmState()

    def state(self) -> ArmState:
        return self.values

    def restore(self, state: ArmState) -> OfState:
        self.values = state
        state.numbers["alpha"]
        return self


def test_an_arm_without_state_is_named_with_what_to_write(tmp_path: Path) -> None:
    expected = r"arm 'shop.chance': WithoutState cannot be saved, for it has no state\(\) and restore\(\). Write both"
    with pytest.raises(SavedArmError, match=expected):
        save_arm(WithoutState(), tmp_path / "arm", name="shop.chance", items=ITEMS)
    with pytest.raises(SavedArmError, match=r"arm 'shop.chance': WithoutState has no restore\(\)"):
        load_arm(WithoutState(), tmp_path / "arm", name="shop.chance", items=ITEMS)
    assert not list(tmp_path.iterdir())


BAD_STATES = {
    "texts": (ArmState({"names": np.array(["a"])}), "array 'names' of type <U1. Give numbers in arrays"),
    "objects": (ArmState({"names": np.array([{}], dtype=object)}), "array 'names' of type object"),
    "no JSON": (ArmState(numbers={"made": {1, 2}}), "the numbers of its state are no JSON"),
    "not finite": (ArmState(numbers={"mean": float("nan")}), "the numbers of its state are no JSON"),
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_a_state_that_no_file_can_hold_is_refused_and_leaves_what_was_saved(case: str, tmp_path: Path) -> None:
    state, message = BAD_STATES[case]
    save_arm(OfState(ArmState(numbers={"alpha": 1})), tmp_path / "arm", name="k", items=ITEMS)
    with pytest.raises(SavedArmError, match=message):
        save_arm(OfState(state), tmp_path / "arm", name="k", items=ITEMS)
    assert load_arm(OfState(), tmp_path / "arm", name="k", items=ITEMS).values.numbers == {"alpha": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["arm"]


def test_a_full_disk_leaves_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_arm(fitted("ease"), tmp_path / "arm", name="ease", items=ITEMS)

    def full(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("recsat.arms.saved.save_file", full)
    with pytest.raises(DiskFull, match="No space left"):
        save_arm(fitted("popularity"), tmp_path / "arm", name="popularity", items=ITEMS)
    assert loaded("ease", tmp_path / "arm")
    assert [path.name for path in tmp_path.iterdir()] == ["arm"]


def test_a_state_of_an_older_version_of_the_arm_is_refused(tmp_path: Path) -> None:
    save_arm(OfState(ArmState(numbers={"beta": 1})), tmp_path / "arm", name="k", items=ITEMS)
    with pytest.raises(SavedArmError, match=r"OfState misses 'alpha' in what was saved. Another version of the arm"):
        load_arm(OfState(), tmp_path / "arm", name="k", items=ITEMS)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (0, 4), (3, 4), (2, 3, 4)])
def test_arrays_keep_their_type_shape_and_order_in_memory(
    order: Any, dtype: type, shape: tuple[int, ...], tmp_path: Path
) -> None:
    array = np.asarray(np.arange(np.prod(shape)).reshape(shape), dtype=dtype, order=order)
    save_arm(OfState(ArmState({"a": array}, {"alpha": 1})), tmp_path / "arm", name="k", items=ITEMS)
    back = load_arm(OfState(), tmp_path / "arm", name="k", items=ITEMS).values.arrays["a"]
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert back.flags.f_contiguous == array.flags.f_contiguous


def test_a_slice_is_saved_as_its_own_numbers(tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(4, 6)[:, 1:5:2]
    save_arm(OfState(ArmState({"a": array}, {"alpha": 1})), tmp_path / "arm", name="k", items=ITEMS)
    back = load_arm(OfState(), tmp_path / "arm", name="k", items=ITEMS).values.arrays["a"]
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("name", ["popularity", "text", "ease", "ials", "mf"])
def test_an_arm_that_is_not_fitted_is_not_saved(name: str, tmp_path: Path) -> None:
    with pytest.raises(SavedArmError, match=r"is not fitted, so there is nothing to save\. Call fit first"):
        save_arm(EVERY_ARM[name][0](), tmp_path / name, name=name, items=ITEMS)


def test_an_attribute_of_no_known_type_is_named() -> None:
    with pytest.raises(TypeError, match="model is a Catalogue, of which no state can be made"):
        packed({"model": WORLD.catalogue})


def test_a_numpy_number_stays_one() -> None:
    """The product of a float32 array with a Python number is float32, with a NumPy float64 it is float64."""
    state = packed({"scale": np.float64(0.1)})
    back = unpacked(ArmState(state.arrays, json.loads(json.dumps(state.numbers))))["scale"]
    assert (np.ones(1, dtype=np.float32) * back).dtype == np.float64


def test_a_text_arm_reads_the_vectors_of_its_name_after_loading(folders: Path) -> None:
    arm = loaded("text-raw", folders / "text-raw")
    assert isinstance(arm, TextSimilarity)
    assert arm.vector == "raw"
    assert arm.item_vectors is WORLD.vectors["raw"]
