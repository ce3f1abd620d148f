"""A sequence's logits are the same bits alone and in any batch."""

import pytest
import torch
from torch import nn

from comps.gptsovits.engine.linears import (
    Layout,
    RowStableLinear,
    is_available,
    make_row_stable,
    quantised,
)
from comps.gptsovits.native import LAYERS
from comps.gptsovits.networks.t2s import T2S, KVCache, RowwiseCache, T2SConfig

CONFIG = T2SConfig(n_symbols=30, vocab_size=65, dim=64, n_heads=4, ffn_dim=256, n_layers=2, bert_dim=8)
N_STEPS = 6


@pytest.fixture(scope="module", params=Layout)
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.param
    if not is_available(found):
        pytest.skip(f"this build of torch cannot multiply {found}")
    return found


@pytest.fixture(scope="module")
def stable(layout: Layout) -> T2S:
    torch.manual_seed(0)
    made = T2S(CONFIG).eval()
    make_row_stable(made, layout)
    return made


@pytest.fixture(scope="module")
def t2s(layout: Layout) -> T2S:
    """The weights that `stable` multiplies with, in float32."""
    torch.manual_seed(0)
    made = T2S(CONFIG).eval()
    if layout is Layout.INT8:
        for block in made.blocks:
            for name in LAYERS:
                weight = getattr(block, name).weight
                whole, scale = quantised(weight.data)
                weight.data = whole.float() * scale.float()[:, None]
    return made


def inputs(i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Phonemes, prompt and the tokens that are appended, of sequence i."""
    g = torch.Generator().manual_seed(i)
    phonemes = torch.randint(30, (5 + 7 * i,), generator=g)
    prompt = torch.randint(64, ((3 * i) % 11,), generator=g)
    return phonemes, prompt, torch.randint(64, (N_STEPS,), generator=g)


@torch.inference_mode()
def logits(net: T2S, cache: KVCache, sequences: list[int]) -> torch.Tensor:
    """Of every step of the sequences together, `[B, N_STEPS, V]`."""
    for row, i in enumerate(sequences):
        phonemes, prompt, _ = inputs(i)
        net.prefill(phonemes, None, prompt, cache, row)
    tokens = torch.stack([inputs(i)[2] for i in sequences])
    rows = torch.arange(len(sequences))
    return torch.stack([net.step(tokens[:, k], cache, rows) for k in range(N_STEPS)], 1)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 12])
def test_a_row_is_the_same_bits_alone_and_in_a_batch(stable: T2S, n: int) -> None:
    together = logits(stable, RowwiseCache(CONFIG, n, 256), list(range(n)))
    for i in range(n):
        alone = logits(stable, RowwiseCache(CONFIG, 1, 200), [i])
        assert torch.equal(alone[0], together[i])


def close(got: torch.Tensor, expected: torch.Tensor, layout: Layout) -> None:
    if layout is Layout.INT8:  # what is multiplied, and the result, are rounded to eight bits
        assert (got - expected).norm() <= 0.01 * expected.norm()
    else:
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_rowwise_and_masked_steps_agree(t2s: T2S, stable: T2S, layout: Layout) -> None:
    sequences = [0, 3, 5]
    masked = logits(t2s, KVCache(CONFIG, 3, 128), sequences)
    close(logits(stable, RowwiseCache(CONFIG, 3, 128), sequences), masked, layout)


def test_steps_equal_the_whole_forward_pass(t2s: T2S, stable: T2S, layout: Layout) -> None:
    phonemes, prompt, tokens = inputs(4)
    with torch.inference_mode():
        whole = t2s(phonemes[None], None, torch.cat([prompt, tokens])[None])[0, -N_STEPS:]
    close(logits(stable, RowwiseCache(CONFIG, 1, 128), [4])[0], whole, layout)


@pytest.mark.parametrize(("wide", "narrow"), [(64, 64), (2048, 512), (256, 1025)])
def test_a_stable_linear_computes_the_linear(wide: int, narrow: int, layout: Layout) -> None:
    torch.manual_seed(1)
    plain = nn.Linear(wide, narrow)
    stable = RowStableLinear(plain, layout)
    again = stable.clone()
    x = torch.randn(9, 1, wide)
    with torch.inference_mode():
        got = stable(x)
        expected = plain(x)
        if layout is Layout.INT8:
            whole, scale = quantised(plain.weight)
            expected = x @ (whole.float() * scale.float()[:, None]).T + plain.bias
            assert (expected - plain(x)).norm() <= 0.01 * expected.norm()
        close(got, expected, layout)
        assert torch.equal(again(x), got)
        for n in (1, 2, 7):
            assert torch.equal(stable(x[2 : 2 + n]), got[2 : 2 + n])
