"""Which device, and which number format the device is good at."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.errors import ConfigError, EncoderError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(setting: str = "auto") -> torch.device:
    """The device that ``setting`` names; ``auto`` takes CUDA, else MPS, else the CPU.

    Raises ConfigError where the name is not a device, or the machine does not have it: a run that is set to use an
    accelerator must not crawl on a CPU unnoticed.
    """
    if setting == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(setting)
    except RuntimeError as error:
        raise ConfigError(
            f"device {setting!r} is not a device name. Use auto, cpu, cuda, cuda:<number> or mps."
        ) from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError(
                f"device {setting!r}: this machine has {count} CUDA devices that torch {torch.__version__} can use. "
                "Use auto or cpu, or install a CUDA build of torch."
            )
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError(f"device {setting!r}: torch {torch.__version__} finds no MPS here. Use auto or cpu.")
    elif device.type != "cpu":
        raise ConfigError(f"device {setting!r} is not supported. Use auto, cpu, cuda, cuda:<number> or mps.")
    return device


def pick_dtype(setting: str, device: torch.device) -> torch.dtype:
    """``auto``: bfloat16 where a GPU computes it (not where it is emulated), else float32.

    On a CPU without bfloat16 units the same forward pass took 8 times as long as float32, and with them vectors would depend on
    the machine: a CPU gets float32 unless the setting asks for something else.
    """
    if setting != "auto":
        if setting not in DTYPES:
            raise EncoderError(f"encoder dtype {setting!r} is unknown. Use auto, {', '.join(DTYPES)}.")
        return DTYPES[setting]
    if device.type == "cuda":
        with torch.cuda.device(device):
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return torch.bfloat16
    return torch.float32


def uploaded(values: NDArray[Any], device: torch.device) -> Tensor:
    """``values`` on ``device``. The host does not wait until a CUDA device is done with what it was given before, as it does for pageable memory."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
