"""Probing: how long a step takes here in each form, measured on networks of the same size."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from comps.gptsovits import native
from comps.gptsovits.engine.choosing import FEW_ROWS, MANY_ROWS, StepTimes
from comps.gptsovits.engine.forms import Form
from comps.gptsovits.engine.linears import RowStableLinear
from comps.gptsovits.engine.stepping import Step, lay_out, stepping
from comps.gptsovits.native.linear import PackedLinear
from comps.gptsovits.native.packing import together
from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.networks.t2s.block import Block

N_POSITIONS = 256  # a sentence after a prompt
N_STEPS = 8
# For each number of rows; networks whose steps take longer are measured by fewer.
ROUND_SECONDS = 0.15
# No further form is tried after this.
BUDGET_SECONDS = 1.5


@torch.inference_mode()
def measure_forms(
    config: T2SConfig,
    forms: Sequence[Form],
    library: native.Library | None,
    *,
    n_threads: int,
    n_torch_threads: int,
    is_half: bool = False,
) -> dict[Form, StepTimes]:
    """Of each form in turn, until the time is spent: of the first at least.

    The compiled step is measured with one to `n_threads` threads. Torch has `n_torch_threads` whatever is
    measured: its sums may depend on them. `is_half`: exact weights are numbers of float16.
    """
    until = time.perf_counter() + BUDGET_SECONDS
    times: dict[Form, StepTimes] = {}
    for form in forms:
        if times and time.perf_counter() > until:
            break
        with torch_threads(n_torch_threads):
            counts = counts_up_to(n_threads) if form.layout is None else [n_torch_threads]
            times[form] = measure(_steps_of(config, form, library, is_half=is_half), counts)
    return times


def measure(step: Callable[[int, int], None], counts: Sequence[int]) -> StepTimes:
    """`step(n_rows, n_threads)` is timed for one row and for eight with every number of threads."""
    tables: list[dict[int, float]] = [dict.fromkeys(counts, float("inf")) for _ in range(2)]
    for table, n_rows in zip(tables, (FEW_ROWS, MANY_ROWS), strict=True):
        until = time.perf_counter() + ROUND_SECONDS
        for _ in range(N_STEPS):
            for n in counts:  # in turn, so that a busy moment slows all alike
                began = time.perf_counter()
                step(n_rows, n)
                table[n] = min(table[n], time.perf_counter() - began)
            if time.perf_counter() > until:
                break
    return StepTimes(*tables)


def counts_up_to(n: int) -> list[int]:
    """One, all, and what lies between by doubling."""
    return sorted({1, n, *(1 << k for k in range(1, n.bit_length()) if 1 << k < n)})


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _steps_of(
    config: T2SConfig, form: Form, library: native.Library | None, *, is_half: bool
) -> Callable[[int, int], None]:
    t2s = sample(config, form, library, is_half=is_half)
    cache, step = stepping(t2s, form, library, n_rows=MANY_ROWS, capacity=N_POSITIONS)
    cache.keys.zero_()  # what was never written may be anything, and slow to compute with
    cache.values.zero_()

    def run(n_rows: int, n_threads: int) -> None:
        for row in range(n_rows):
            cache.occupy(row, n_phonemes=1, n_tokens=N_POSITIONS - 2)
        _with_threads(step, n_threads)([0] * n_rows, range(n_rows))

    return run


def _with_threads(step: Step, n_threads: int) -> Step:
    if isinstance(step, native.CompiledStep):
        step.n_threads = n_threads
    return step


def sample(config: T2SConfig, form: Form, library: native.Library | None, *, is_half: bool = False) -> T2S:
    """A network of these sizes in this form, whose layers are one and the same, each in its own memory."""
    t2s = T2S(replace(config, n_layers=1)).eval()
    if is_half:
        for weight in t2s.parameters():
            weight.data = weight.data.half().float()
    lay_out(t2s, form, library)
    first = t2s.blocks[0]
    assert isinstance(first, Block)
    layers = [getattr(first, name) for name in native.LAYERS]
    t2s.blocks = nn.ModuleList(_copies(config, first, _repeated(layers, config.n_layers)))
    t2s.config = config
    return t2s


def _repeated(layers: Sequence[nn.Module], n: int) -> Iterable[list[nn.Module]]:
    packed = [layer for layer in layers if isinstance(layer, PackedLinear)]
    if not packed:
        for _ in range(n):
            yield [layer.clone() for layer in layers if isinstance(layer, RowStableLinear)]
        return
    moved = iter(together([layer.packed for layer in packed] * n))
    for _ in range(n):
        yield [layer.holding(next(moved)) for layer in packed]


def _copies(config: T2SConfig, first: Block, layers: Iterable[list[nn.Module]]) -> Iterable[Block]:
    for own in layers:
        with torch.device("meta"):
            block = Block(config)
        block.norm1, block.norm2 = first.norm1, first.norm2
        for name, layer in zip(native.LAYERS, own, strict=True):
            setattr(block, name, layer)
        yield block
