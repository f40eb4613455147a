"""EfficientNet-Lite0 in plain torch: a small convolutional network trained on ImageNet."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 1280
STAGES = (  # channels, kernel, stride, expansion, repeats: Tan and Le, ICML 2019, table 1, without squeeze-and-excitation
    (16, 3, 1, 1, 1),
    (24, 3, 2, 6, 2),
    (40, 5, 2, 6, 2),
    (80, 3, 2, 6, 3),
    (112, 5, 1, 6, 3),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)


class SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME: the odd pixel goes to the right and to the bottom. The weights expect it."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (
            max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            for size in (input.shape[-2], input.shape[-1])
        )
        sides = (width // 2, width - width // 2, height // 2, height - height // 2)
        return functional.conv2d(
            functional.pad(input, sides), self.weight, self.bias, self.stride, 0, self.dilation, self.groups
        )


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel, narrow again; what came in is added where the shapes agree (Sandler et al., CVPR 2018).

    The names are those of the checkpoint.
    """

    def __init__(self, wide_in: int, wide_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = wide_in * expansion
        self._adds = stride == 1 and wide_in == wide_out
        self._expand_conv = SameConv(wide_in, inner, 1, bias=False) if expansion != 1 else None
        self._bn0 = _norm(inner) if expansion != 1 else None
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = _norm(inner)
        self._project_conv = SameConv(inner, wide_out, 1, bias=False)
        self._bn2 = _norm(wide_out)

    def forward(self, images: Tensor) -> Tensor:
        hidden = images
        if self._expand_conv is not None and self._bn0 is not None:
            hidden = functional.relu6(self._bn0(self._expand_conv(hidden)))
        hidden = functional.relu6(self._bn1(self._depthwise_conv(hidden)))
        hidden = cast(Tensor, self._bn2(self._project_conv(hidden)))
        return images + hidden if self._adds else hidden


class EfficientNetLite0(nn.Module):
    """Images (n, 3, 224, 224), pixels as (x - 127) / 128, to the 1,000 classes of ImageNet; :meth:`features` to (n, 1280)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, wide_in = [], 32
        for wide_out, kernel, stride, expansion, repeats in STAGES:
            for nth in range(repeats):
                blocks.append(InvertedBottleneck(wide_in, wide_out, kernel, stride if nth == 0 else 1, expansion))
                wide_in = wide_out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(wide_in, WIDTH, 1, bias=False)
        self._bn1 = _norm(WIDTH)
        self._fc = nn.Linear(WIDTH, 1000)

    def features(self, images: Tensor) -> Tensor:
        hidden = functional.relu6(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            hidden = block(hidden)
        return torch.mean(functional.relu6(self._bn1(self._conv_head(hidden))), dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        classes: Tensor = self._fc(self.features(images))
        return classes
