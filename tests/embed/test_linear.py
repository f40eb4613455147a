from __future__ import annotations

import logging

import pytest
import torch

from recsat.embed import linear
from recsat.embed.linear import Form, Linear, by_onednn, by_torch, fastest_form

WEIGHT = torch.randn(24, 16, generator=torch.Generator().manual_seed(1))
BIAS = torch.randn(24, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("form", [by_torch, by_onednn])
@pytest.mark.parametrize("rows", [1, 7, 512])
@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_both_forms_are_the_product_with_a_bias_and_gelu(
    form: Form, rows: int, gelu: bool, dtype: torch.dtype, tolerance: float
) -> None:
    if form is by_onednn and dtype == torch.bfloat16 and "AVX512" not in torch.backends.cpu.get_cpu_capability():
        pytest.skip("oneDNN has no bfloat16 products on a processor without AVX-512; the form is not taken there")
    x = torch.randn(rows, 16, generator=torch.Generator().manual_seed(3))
    expected = x.double() @ WEIGHT.double().T + BIAS.double()
    if gelu:  # x Φ(x), with the error function and not its approximation by tanh
        expected = expected * (1 + torch.erf(expected / 2**0.5)) / 2
    result = form(WEIGHT.to(dtype), BIAS.to(dtype), gelu)(x.to(dtype))
    assert result.dtype == dtype
    torch.testing.assert_close(result.double(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("seconds", "form"), [((1.0, 0.5), by_onednn), ((1.0, 1.9), by_onednn), ((1.0, 2.1), by_torch)]
)
def test_onednn_is_left_only_where_it_is_slower_beyond_noise(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], form: Form
) -> None:
    answers = iter(seconds)
    monkeypatch.setattr(linear, "_cpu_seconds", lambda layer, x: next(answers))
    assert fastest_form(WEIGHT, BIAS) is form


@pytest.mark.parametrize("refusal", [AttributeError, RuntimeError])
def test_a_torch_or_a_processor_without_the_operators_takes_the_public_product(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, refusal: type[Exception]
) -> None:
    def missing(weight: torch.Tensor, bias: torch.Tensor, gelu: bool = False) -> Linear:
        raise refusal("_reorder_linear_weight")

    monkeypatch.setattr(linear, "by_onednn", missing)
    with caplog.at_level(logging.INFO, logger="recsat"):
        assert fastest_form(WEIGHT, BIAS) is by_torch
    assert "_reorder_linear_weight" in caplog.text
