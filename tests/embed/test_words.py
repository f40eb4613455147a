"""Vectors of words without a model."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsat.embed.centre import centre
from recsat.embed.words import word_vectors, words_of

TEXTS = [
    "Heat (1995). Crime, Thriller.",
    "Casino (1995). Crime, Drama.",
    "Toy Story (1995). Animation, Children.",
    "Aladdin (1992). Animation, Children, Musical.",
]


def test_texts_that_share_rare_words_are_alike() -> None:
    vectors = word_vectors(TEXTS, 384)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 2]
    assert likeness[2, 3] > max(likeness[2, 0], likeness[2, 1])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_where_the_width_suffices_cosines_are_those_of_the_words_themselves() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    counts = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit_transform(TEXTS)
    expected = (counts @ counts.T).toarray()
    for width in (4, 384):
        vectors = word_vectors(TEXTS, width)
        np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-6)


def test_many_texts_are_brought_to_the_width_and_the_same_texts_give_the_same_vectors() -> None:
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(200)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(500)]
    vectors = word_vectors(texts, 32)
    assert vectors.shape == (500, 32)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, word_vectors(texts, 32))


@pytest.mark.parametrize("texts", [["", "", ""], ["!!", "…", ""], ["🙂", "🙂🙂", "-"]])
def test_texts_without_words_have_no_vector(texts: list[str]) -> None:
    vectors = word_vectors(texts, 8)
    assert not vectors.any()
    assert not centre(vectors)[0].any()


def test_one_text_without_words_among_others_has_zeros() -> None:
    vectors = word_vectors([*TEXTS, "!"], 384)
    assert not vectors[4].any()
    assert vectors[:4].any(axis=1).all()


def test_a_constant_text_has_no_direction_left() -> None:
    assert not centre(word_vectors(["the same"] * 6, 8))[0].any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop: 2 naïve_men, Straße", ["Don", "t", "stop", "2", "naïve_men", "Straße"]),
        ("红楼梦", ["红楼", "楼梦"]),
        ("苹果iPhone15手机壳 红", ["苹果", "iPhone15", "手机", "机壳", "红"]),
        ("となりの、トトロ", ["とな", "なり", "りの", "トト", "トロ"]),
        ("해리포터와 돌", ["해리", "리포", "포터", "터와", "돌"]),
        ("น้ำปลา", ["น้ำป", "ปล", "ลา"]),
        ("ラーメン ﾗｰﾒﾝ", ["ラー", "ーメ", "メン", "ﾗｰ", "ｰﾒ", "ﾒﾝ"]),
        ("မြန်မာ ខ្មែរ", ["မြန်", "န်မ", "မာ", "ខ្មែរ"]),
        ("佐々木", ["佐々", "々木"]),
        ("हिन्दी फ़िल्में, العَرَبِيَّة", ["हिन्दी", "फ़िल्में", "العَرَبِيَّة"]),
        ("cafe\u0301 m² ½", ["caf\u00e9", "m²", "½"]),
        ("Война и мир", ["Война", "и", "мир"]),
        ("𠀀𠀁𠀂", ["𠀀𠀁", "𠀁𠀂"]),
        ("…", []),
    ],
)
def test_words_lie_between_spaces_and_are_pairs_of_letters_where_no_spaces_are_written(
    text: str, words: list[str]
) -> None:
    assert words_of(text) == words


@given(st.text(st.characters(max_codepoint=0x52F, exclude_categories=["Mn", "Me"]), max_size=40))
def test_where_spaces_are_written_words_are_those_that_scikit_learn_takes(text: str) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    assert words_of(text) == TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").build_tokenizer()(
        unicodedata.normalize("NFC", text)
    )


def test_titles_without_spaces_are_alike_where_they_share_a_part() -> None:
    vectors = word_vectors(["红色连衣裙", "蓝色连衣裙", "苹果手机壳", "华为手机壳"], 8)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.3 > 0.01 > abs(likeness[0, 2])
    assert likeness[2, 3] > 0.3
