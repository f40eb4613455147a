"""The image encoder on pictures drawn here, and on two photographs that scikit-learn brings."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image, ImageDraw

from recsat.embed.efficientnet import EfficientNetLite0, SameConv
from recsat.embed.image import EFFICIENTNET, ImageEncoder, _pixels
from recsat.embed.packaged import find_packaged
from recsat.embed.pictures import embed_pictures
from recsat.errors import EncoderError


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    try:
        find_packaged(EFFICIENTNET)
    except EncoderError as error:
        pytest.skip(str(error))
    return ImageEncoder(device="cpu", batch=3)


def picture(shape: str, colour: str, size: tuple[int, int] = (320, 240)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    box = (size[0] // 2 - 80, size[1] // 2 - 80, size[0] // 2 + 80, size[1] // 2 + 80)
    getattr(ImageDraw.Draw(image), shape)(box, fill=colour)
    return image


def photographs() -> list[Path]:
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return sorted((Path(spec.submodule_search_locations[0]) / "datasets" / "images").glob("*.jpg"))


def test_pictures_of_like_things_are_nearer_than_a_photograph(encoder: ImageEncoder) -> None:
    square, shifted, circle = (
        picture("rectangle", "red"),
        picture("rectangle", "red", (340, 240)),
        picture("ellipse", "red"),
    )
    vectors = encoder.encode([square, shifted, circle, *photographs()])
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > 0.99, "the middle square is what counts"
    assert similarity[0, 2] > similarity[0, 3:].max() + 0.1, "a red circle, before a photograph"


def test_the_weights_know_what_photographs_show(encoder: ImageEncoder) -> None:
    temple, flower = photographs()
    pixels = torch.from_numpy(np.stack([_pixels(temple, 0), _pixels(flower, 1)]))
    with torch.inference_mode():
        best = encoder._model(pixels).argmax(dim=1).tolist()
    assert best == [698, 985], "palace, and of the thousand classes the daisy is nearest to a dahlia"


def test_batches_give_what_single_pictures_give_in_any_order(encoder: ImageEncoder, tmp_path: Path) -> None:
    picture("ellipse", "blue").save(tmp_path / "circle.png")
    images = [
        picture("rectangle", "red"),
        tmp_path / "circle.png",
        picture("ellipse", "green", (500, 100)),
        *photographs(),
    ]
    batch_sizes: list[int] = []
    together = encoder.encode(images, progress=batch_sizes.append)
    assert batch_sizes == [3, 2]
    np.testing.assert_allclose(together, np.concatenate([encoder.encode([image]) for image in images]), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(images[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=1e-5)


def test_no_picture_is_a_row_of_zeros(encoder: ImageEncoder) -> None:
    vectors = encoder.encode([None, picture("ellipse", "red"), None, None])
    assert vectors.any(axis=1).tolist() == [False, True, False, False]
    assert encoder.encode([]).shape == (0, 1280)


def test_what_is_no_picture_is_named(encoder: ImageEncoder, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(EncoderError, match=r"image 1: .*broken\.jpg cannot be read"):
        encoder.encode([picture("ellipse", "red"), tmp_path / "broken.jpg"])
    with pytest.raises(EncoderError, match="give at least 1"):
        ImageEncoder(batch=0)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (8, 5, 1), (9, 5, 2)])
def test_padding_is_that_of_tensorflow(size: int, kernel: int, stride: int) -> None:
    convolution = SameConv(1, 1, kernel, stride, bias=False)
    torch.nn.init.ones_(convolution.weight)
    ones = torch.ones(1, 1, size, size)
    with torch.inference_mode():
        output = convolution(ones)[0, 0]
    n_out = -(-size // stride)
    before = max((n_out - 1) * stride + kernel - size, 0) // 2
    covered = [sum(0 <= o * stride - before + k < size for k in range(kernel)) for o in range(n_out)]
    np.testing.assert_allclose(output, np.outer(covered, covered))


def test_the_network_has_the_published_number_of_weights() -> None:
    n = sum(parameter.numel() for parameter in EfficientNetLite0().parameters())
    assert n == 4_652_008  # 4.7 million in the model's own table


def test_a_picture_is_embedded_again_only_when_its_bytes_change(encoder: ImageEncoder, tmp_path: Path) -> None:
    file = tmp_path / "a picture.png"
    picture("ellipse", "red").save(file)
    paths = pl.Series([str(file), None, str(file)])
    batch_sizes: list[int] = []
    first = embed_pictures(paths, encoder, tmp_path / "cache", batch_sizes.append)
    assert batch_sizes == [1], "two items with one picture"
    assert not first[1].any()
    np.testing.assert_allclose(first[0], encoder.encode([file])[0], atol=1e-6)
    (stored,) = (tmp_path / "cache").rglob("*.sqlite")
    content = stored.read_bytes()
    np.testing.assert_array_equal(embed_pictures(paths, encoder, tmp_path / "cache"), first)
    assert stored.read_bytes() == content, "nothing new"
    picture("rectangle", "blue").save(file)
    changed = embed_pictures(paths, encoder, tmp_path / "cache")
    assert np.abs(changed[0] - first[0]).max() > 0.01
    with pytest.raises(EncoderError, match=r"gone\.png: cannot be read"):
        embed_pictures(pl.Series([str(tmp_path / "gone.png")]), encoder, tmp_path / "cache")
