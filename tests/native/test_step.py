"""The compiled step computes what torch does, each row for itself."""

import copy

import pytest
import torch
from torch import Tensor, nn

from comps.gptsovits import native
from comps.gptsovits.native import step as steps
from comps.gptsovits.native.library import Kind
from comps.gptsovits.native.linear import PackedLinear
from comps.gptsovits.native.packing import Packed, fits_half, together
from comps.gptsovits.networks.t2s import T2S, KVCache, T2SConfig
from tests.engine.small import library_or_skip

N_STEPS = 6
# The usual head, one that fills one vector, one of two blocks, and sizes that are padded.
CONFIGS = [
    T2SConfig(n_symbols=30, vocab_size=65, dim=64, n_heads=2, ffn_dim=256, n_layers=2, bert_dim=8),
    T2SConfig(n_symbols=30, vocab_size=130, dim=48, n_heads=3, ffn_dim=80, n_layers=2, bert_dim=8),
    T2SConfig(n_symbols=30, vocab_size=65, dim=128, n_heads=2, ffn_dim=128, n_layers=1, bert_dim=8),
]
# Of the logits' norm: what rounding of the weights and of the cache may cost.
ERRORS = {Kind.FLOAT32: 1e-5, Kind.BFLOAT16: 2e-2, Kind.INT8: 2e-2, Kind.FLOAT16: 2e-2}


@pytest.fixture(params=CONFIGS, ids=["two vectors", "one vector", "four vectors"])
def t2s(request: pytest.FixtureRequest) -> T2S:
    torch.manual_seed(0)
    made = T2S(request.param).eval()
    for parameter in made.parameters():  # norms and strengths of positions begin at one or zero
        if parameter.dim() == 1:
            parameter.data.add_(0.3 * torch.randn_like(parameter))
    return made


def inputs(i: int) -> tuple[Tensor, Tensor, list[int]]:
    """Phonemes, prompt and the tokens that are appended, of sequence i."""
    g = torch.Generator().manual_seed(i)
    phonemes = torch.randint(30, (5 + 7 * i,), generator=g)
    prompt = torch.randint(64, ((3 * i) % 11,), generator=g)
    return phonemes, prompt, torch.randint(64, (N_STEPS,), generator=g).tolist()


@torch.inference_mode()
def by_torch(t2s: T2S, sequence: int) -> Tensor:
    """Logits of the prefill and of every step, `[1 + N_STEPS, V]`."""
    cache = KVCache(t2s.config, 1, 256)
    phonemes, prompt, tokens = inputs(sequence)
    logits = [t2s.prefill(phonemes, None, prompt, cache, 0)]
    logits += [t2s.step(torch.tensor([token]), cache, torch.tensor([0]))[0] for token in tokens]
    return torch.stack(logits)


@torch.inference_mode()
def compiled(t2s: T2S, sequences: list[int], kind: Kind, *, n_threads: int = 1) -> Tensor:
    """The same of several sequences together, `[B, 1 + N_STEPS, V]`."""
    library, packed = library_or_skip(), copy.deepcopy(t2s)
    native.pack(packed, kind, library)
    cache = native.PackedCache(t2s.config, len(sequences), 256, kind=kind)
    step = native.CompiledStep(packed, cache, library, n_threads=n_threads)
    rows = range(len(sequences))
    first = [
        packed.prefill(*inputs(i)[:1], None, inputs(i)[1], cache, row) for row, i in enumerate(sequences)
    ]
    logits = [torch.stack(first)]
    logits += [step([inputs(i)[2][k] for i in sequences], rows) for k in range(N_STEPS)]
    return torch.stack(logits, 1)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_step_computes_what_torch_computes(t2s: T2S, kind: Kind) -> None:
    for sequence in (0, 4):
        expected, got = by_torch(t2s, sequence), compiled(t2s, [sequence], kind)[0]
        assert (got - expected).norm() <= ERRORS[kind] * expected.norm()


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("n", [2, 3, 5, 8, 12])
def test_a_row_is_the_same_bits_alone_and_in_a_batch(t2s: T2S, kind: Kind, n: int) -> None:
    together = compiled(t2s, list(range(n)), kind)
    for i in range(n):
        assert torch.equal(compiled(t2s, [i], kind)[0], together[i])


@pytest.mark.parametrize("kind", list(Kind))
def test_the_number_of_threads_changes_no_bit(t2s: T2S, kind: Kind) -> None:
    sequences = [1, 3, 6]
    alone = compiled(t2s, sequences, kind)
    for n_threads in (2, 5):
        assert torch.equal(compiled(t2s, sequences, kind, n_threads=n_threads), alone)


def stored_kinds(t2s: T2S) -> dict[str, Kind]:
    layers = {f"{i}.{name}": getattr(b, name) for i, b in enumerate(t2s.blocks) for name in steps.LAYERS}
    return {name: layer.packed.kind for name, layer in (layers | {"head": t2s.head}).items()}


def test_weights_of_float16_are_exact_in_half_the_bytes(t2s: T2S, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bits as with the same weights in float32, of a prefill and of steps, alone and together."""
    t2s.half().float()
    narrow = copy.deepcopy(t2s)
    native.pack(narrow, Kind.FLOAT32, library_or_skip())
    assert set(stored_kinds(narrow).values()) == {Kind.FLOAT16}
    sequences = [0, 3, 5, 2, 7]
    got = compiled(t2s, sequences, Kind.FLOAT32, n_threads=2)
    monkeypatch.setattr(steps, "fits_half", lambda weight: False)
    wide = copy.deepcopy(t2s)
    native.pack(wide, Kind.FLOAT32, library_or_skip())
    assert set(stored_kinds(wide).values()) == {Kind.FLOAT32}
    assert torch.equal(compiled(t2s, sequences, Kind.FLOAT32), got)
    assert torch.equal(compiled(t2s, sequences[:1], Kind.FLOAT32)[0], got[0])


@pytest.mark.parametrize("number", [1 + 2**-11, 70_000.0, 2**-25, float("inf")])
def test_one_number_that_is_none_of_float16_keeps_its_layer_in_float32(t2s: T2S, number: float) -> None:
    t2s.half().float()
    t2s.blocks[0].expand.weight.data[-1, -1] = number
    native.pack(t2s, Kind.FLOAT32, library_or_skip())
    kinds = stored_kinds(t2s)
    assert kinds.pop("0.expand") is Kind.FLOAT32
    assert set(kinds.values()) == {Kind.FLOAT16}


def test_float16_that_loses_nothing_takes_the_place_of_bfloat16(t2s: T2S) -> None:
    t2s.half().float()
    coarse = copy.deepcopy(t2s)
    native.pack(coarse, Kind.INT8, library_or_skip())
    assert stored_kinds(coarse).pop("head") is Kind.FLOAT16
    native.pack(t2s, Kind.BFLOAT16, library_or_skip())
    assert set(stored_kinds(t2s).values()) == {Kind.FLOAT16}
    native.pack(t2s, Kind.INT8, library_or_skip())
    assert stored_kinds(t2s) == stored_kinds(coarse)


def test_every_number_of_float16_is_read_as_it_is() -> None:
    """All of them, the smallest too, which have no leading one."""
    numbers = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.float16).float()
    numbers = numbers[numbers.isfinite()]
    assert fits_half(numbers[:, None])
    weight = torch.zeros(len(numbers), 64)
    weight[:, 5] = numbers
    layer = PackedLinear(together([Packed.of(weight, None, Kind.FLOAT16)])[0], library_or_skip())
    x = torch.zeros(1, 64)
    x[0, 5] = 1.0
    assert torch.equal(layer(x)[0], numbers)


def test_a_row_that_is_full_is_an_error(t2s: T2S) -> None:
    library = library_or_skip()
    native.pack(t2s, Kind.FLOAT32, library)
    cache = native.PackedCache(t2s.config, 1, 16)
    step = native.CompiledStep(t2s, cache, library)
    with torch.inference_mode():
        t2s.prefill(torch.arange(16), None, torch.zeros(0, dtype=torch.long), cache, 0)
        with pytest.raises(IndexError, match="16 positions"):
            step([1], [0])


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(("wide", "narrow"), [(64, 64), (2048, 512), (100, 1025)])
def test_a_packed_layer_computes_the_layer(wide: int, narrow: int, kind: Kind) -> None:
    library = library_or_skip()
    torch.manual_seed(1)
    plain = nn.Linear(wide, narrow)
    packed = Packed.of(plain.weight, plain.bias, kind)
    layer = PackedLinear(together([packed])[0], library)
    x = torch.randn(9, 1, wide)
    with torch.inference_mode():
        got = layer(x)
        exact = x @ packed.unpacked().T + plain.bias
        torch.testing.assert_close(got, exact, rtol=1e-4, atol=1e-5)
        assert (got - plain(x)).norm() <= ERRORS[kind] * plain(x).norm()
        for n in (1, 2, 7):
            assert torch.equal(layer(x[2 : 2 + n]), got[2 : 2 + n])


@pytest.mark.parametrize("is_half", [False, True])
def test_an_exact_network_can_be_packed_coarser_and_not_back(t2s: T2S, is_half: bool) -> None:
    library = library_or_skip()
    if is_half:
        t2s.half().float()
    again = copy.deepcopy(t2s)
    native.pack(t2s, Kind.FLOAT32, library)
    native.pack(t2s, Kind.INT8, library)
    native.pack(again, Kind.INT8, library)
    for a, b in zip(t2s.blocks, again.blocks, strict=True):
        assert torch.equal(a.expand.packed.weight, b.expand.packed.weight)
        assert torch.equal(a.qkv.packed.bias, b.qkv.packed.bias)
    native.pack(t2s, Kind.FLOAT32, library)
    assert t2s.blocks[0].expand.packed.kind is Kind.INT8


def test_sizes_that_vectors_do_not_divide_are_left_to_torch(t2s: T2S) -> None:
    assert native.suits(t2s)
    odd = T2SConfig(n_symbols=30, vocab_size=65, dim=40, n_heads=5, ffn_dim=64, n_layers=1, bert_dim=8)
    assert not native.suits(T2S(odd))
