from __future__ import annotations

import pytest
import torch

from recsat.embed.device import pick_device, pick_dtype
from recsat.errors import ConfigError, EncoderError


def test_auto_takes_the_best_device_that_the_machine_has() -> None:
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device("auto").type == best
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("setting", ["cuda:99", "gpu", "xla", ""])
def test_a_device_that_is_not_there_is_an_error_and_not_a_slow_run(setting: str) -> None:
    with pytest.raises(ConfigError, match="device"):
        pick_device(setting)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_cuda_is_an_error() -> None:
    with pytest.raises(ConfigError, match="0 CUDA devices"):
        pick_device("cuda")


def test_a_cpu_computes_in_float32_unless_told_otherwise() -> None:
    assert pick_dtype("auto", torch.device("cpu")) == torch.float32
    assert pick_dtype("bfloat16", torch.device("cpu")) == torch.bfloat16
    with pytest.raises(EncoderError, match="int3"):
        pick_dtype("int3", torch.device("cpu"))
