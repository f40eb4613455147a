from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from recsat.config.settings import EncoderSettings
from recsat.embed import transformer
from recsat.embed.packaged import MINILM, find_packaged
from recsat.embed.pooling import Pooling
from recsat.embed.transformer import TransformerEncoder
from recsat.errors import EncoderError
from recsat.plugins import load_plugins
from recsat.testing import EncoderContract

FolderOf = Callable[[str], Path]
FAMILIES = ("bert", "gpt2", "llama", "xlnet")
TEXTS = [
    "Heat (1995). Action, Crime, Thriller",
    "x",
    "a retired detective in Paris takes one last job that goes terribly wrong, and then another one",
    "Toy Story (1995). Adventure, Animation, Children, Comedy, Fantasy",
    "无线降噪耳机 🎧",
    "cotton bed sheets",
    "x",
    "long " * 100,
]


def plainly(folder: Path, texts: list[str], pooling: Pooling, max_tokens: int) -> NDArray[np.float32]:
    """The reference: transformers as in its own documentation, one text at a time, pooled in float64."""
    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModel.from_pretrained(folder, dtype=torch.float32).eval(),
    )
    vectors = []
    for text in texts:
        inputs = tokenizer(text, truncation=True, max_length=max_tokens, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state[0].double().numpy()
        vector = {"mean": hidden.mean(axis=0), "cls": hidden[0], "last": hidden[-1]}[pooling]
        vectors.append(vector / np.linalg.norm(vector))
    return np.array(vectors, dtype=np.float32)


@pytest.fixture(scope="module")
def encoder_of(checkpoint_folder: FolderOf) -> Callable[[str], TransformerEncoder]:
    encoders: dict[str, TransformerEncoder] = {}

    def encoder(family: str) -> TransformerEncoder:
        if family not in encoders:
            encoders[family] = TransformerEncoder(checkpoint_folder(family), token_budget=100, device="cpu")
        return encoders[family]

    return encoder


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_equal_a_plain_forward_pass_of_one_text_at_a_time(
    checkpoint_folder: FolderOf, family: str, pooling: Pooling
) -> None:
    folder = checkpoint_folder(family)
    vectors = TransformerEncoder(folder, pooling=pooling, token_budget=128, device="cpu").encode(TEXTS)
    expected = plainly(folder, TEXTS, pooling, max_tokens=64)
    assert vectors.dtype == np.float32
    assert (np.sum(vectors * expected, axis=1) > 0.99999).all()
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    # The comparison would prove nothing if all texts had one vector; the first token of a causal model sees nothing else.
    if not (pooling == "cls" and family == "llama"):
        assert np.sort((expected[:6] @ expected[:6].T)[np.triu_indices(6, 1)])[0] < 0.9


@pytest.mark.parametrize(
    ("family", "pooling"), [("bert", "mean"), ("gpt2", "last"), ("llama", "last"), ("xlnet", "last")]
)
def test_each_family_is_pooled_as_its_architecture_calls_for(
    encoder_of: Callable[[str], TransformerEncoder], family: str, pooling: Pooling
) -> None:
    assert encoder_of(family).checkpoint.pooling == pooling


words = st.sampled_from(["Heat", "Paris", "wireless", "bed", "a", "the", "detective", "1995", ",", ".", "猫"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    family=st.sampled_from(FAMILIES),
    texts=st.lists(st.lists(words, min_size=1, max_size=30).map(" ".join), min_size=1, max_size=12),
    budget=st.integers(1, 400),
    data=st.data(),
)
def test_batching_changes_no_vector_and_no_order(
    encoder_of: Callable[[str], TransformerEncoder], family: str, texts: list[str], budget: int, data: st.DataObject
) -> None:
    encoder = encoder_of(family)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    shuffled = data.draw(st.permutations(range(len(texts))))
    encoder.token_budget = budget
    together = encoder.encode([texts[i] for i in shuffled])
    np.testing.assert_allclose(together, alone[shuffled], atol=1e-5)


def test_equal_texts_get_equal_bits_and_progress_counts_every_text(
    encoder_of: Callable[[str], TransformerEncoder],
) -> None:
    texts = [*TEXTS, *reversed(TEXTS)]
    done: list[int] = []
    vectors = encoder_of("bert").encode(texts, progress=done.append)
    np.testing.assert_array_equal(vectors, vectors[::-1])
    assert sum(done) == len(texts)
    assert len(done) > 1


def test_windows_that_are_tokenised_ahead_and_fetched_later_change_nothing(
    encoder_of: Callable[[str], TransformerEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside an accelerator; what is loaded stays on the CPU here."""
    texts = [f"{words} {i}" for i in range(4) for words in TEXTS]
    done: list[int] = []
    encoder = encoder_of("bert")
    expected = encoder.encode(texts)
    monkeypatch.setattr(transformer, "_FIRST_WINDOW", 2)
    monkeypatch.setattr(transformer, "_WINDOW", 8)
    monkeypatch.setattr(encoder, "device", torch.device("cuda"))
    np.testing.assert_allclose(encoder.encode(texts, progress=done.append), expected, atol=1e-6)
    assert sum(done) == len(texts)
    assert [len(texts[window]) for window in transformer._windows(len(texts), 2)] == [2, 4, 8, 8, 8, 2]


def test_no_texts_need_no_weights(checkpoint_folder: FolderOf) -> None:
    encoder = TransformerEncoder(checkpoint_folder("bert"))
    assert encoder.encode([]).shape == (0, 32)
    assert encoder._loaded == []


def test_a_text_without_tokens_gets_the_end_token_where_the_tokenizer_has_one(
    encoder_of: Callable[[str], TransformerEncoder],
) -> None:
    vectors = encoder_of("gpt2").encode(["", "</s>", "Heat"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert vectors[0] @ vectors[2] < 0.99


def test_a_text_without_tokens_is_an_error_where_nothing_can_stand_for_it(
    checkpoint_folder: FolderOf, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint_folder("gpt2"), tmp_path / "gpt2"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    with pytest.raises(EncoderError, match="'' has no tokens"):
        TransformerEncoder(folder).encode(["Heat", ""])


def test_texts_are_cut_after_max_tokens(checkpoint_folder: FolderOf) -> None:
    folder = checkpoint_folder("bert")
    short = TransformerEncoder(folder, max_tokens=8, device="cpu")
    np.testing.assert_allclose(
        short.encode(["a b c d e f g h i j k"]), plainly(folder, ["a b c d e f g h i j k"], "mean", 8), atol=1e-5
    )
    assert (
        short.encode(["a b c d e f g h i j k"]) @ TransformerEncoder(folder).encode(["a b c d e f g h i j k"]).T < 0.999
    )


def test_prompts_stand_in_front_of_every_text(checkpoint_folder: FolderOf) -> None:
    folder = checkpoint_folder("bert")
    e5 = TransformerEncoder(folder, name="intfloat/e5-small", device="cpu")
    queries = e5.with_role("query")
    expected = plainly(folder, ["passage: Heat", "query: Heat"], "mean", 64)
    np.testing.assert_allclose(e5.encode(["Heat"])[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(queries.encode(["Heat"])[0], expected[1], atol=1e-5)
    assert e5._loaded[0] is queries._loaded[0]


class TestTransformer(EncoderContract):
    """Each family; the fingerprint changes with all that changes a vector and nothing else."""

    @pytest.fixture(autouse=True, params=FAMILIES)
    def encoder(self, request: pytest.FixtureRequest, checkpoint_folder: FolderOf) -> None:
        folder = checkpoint_folder(request.param)
        another = checkpoint_folder(FAMILIES[FAMILIES.index(request.param) - 1])
        make = partial(TransformerEncoder, folder, device="cpu", pooling="mean")
        self.make = make
        self.others = (
            partial(TransformerEncoder, folder, device="cpu", pooling="cls"),
            partial(make, prompt="query: "),
            partial(make, max_tokens=16),
            partial(make, dtype="bfloat16"),
            partial(TransformerEncoder, another, device="cpu", pooling="mean"),
            lambda: make().with_prompt("p"),
        )
        self.alike = (partial(make, token_budget=64), partial(make, name="another name"))


class TestMinilm(EncoderContract):
    make = staticmethod(lambda: load_plugins([]).encoder("minilm").make(EncoderSettings(device="cpu")))


def test_half_precision_gives_unit_float32_near_the_full_one(checkpoint_folder: FolderOf) -> None:
    folder = checkpoint_folder("bert")
    half = TransformerEncoder(folder, device="cpu", dtype="bfloat16").encode(TEXTS)
    full = TransformerEncoder(folder, device="cpu").encode(TEXTS)
    assert half.dtype == np.float32
    assert (np.sum(half * full, axis=1) > 0.99).all()
    assert np.abs(half - full).max() > 1e-5  # it did compute in bfloat16


def test_weights_that_give_no_numbers_are_an_error_that_names_the_text(
    checkpoint_folder: FolderOf, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint_folder("bert"), tmp_path / "bert"))
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"][:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="the vector of 'Heat' is not finite"):
        TransformerEncoder(folder).encode(["Heat"])


def test_minilm_equals_a_plain_forward_pass() -> None:
    encoder = load_plugins([]).encoder("minilm").make(EncoderSettings(device="cpu"))
    vectors = encoder.encode(TEXTS)
    expected = plainly(find_packaged(MINILM), TEXTS, "mean", 256)
    assert (np.sum(vectors * expected, axis=1) > 0.99999).all()
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_minilm_puts_like_texts_near_each_other() -> None:
    vectors = (
        load_plugins([])
        .encoder("minilm")
        .make(EncoderSettings(device="cpu"))
        .encode(["wireless noise-cancelling headphones", "bluetooth earphones", "a romantic comedy set in Paris"])
    )
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]
