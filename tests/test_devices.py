import pytest
import torch

from comps.gptsovits.devices import Precision, choose_device, vocoder_dtype


def test_a_cpu_is_exact_and_a_gpu_as_precise_as_the_published_weights() -> None:
    assert choose_device(has_cuda=False, n_cores=2).dtype is torch.float32
    assert choose_device(has_cuda=True, n_cores=2).dtype is torch.float16


@pytest.mark.parametrize(
    ("precision", "has_bfloat16", "dtype"),
    [
        (Precision.EXACT, True, torch.float32),
        (Precision.AUTO, True, torch.bfloat16),
        (Precision.AUTO, False, torch.float32),
        (Precision.INT8, True, torch.bfloat16),
        (Precision.INT8, False, torch.float32),
        (Precision.BF16, False, torch.bfloat16),
    ],
)
def test_a_vocoder_is_half_precise_where_the_processor_gains_or_it_is_asked_for(
    precision: Precision, has_bfloat16: bool, dtype: torch.dtype
) -> None:
    assert vocoder_dtype(precision, has_bfloat16=has_bfloat16) is dtype
