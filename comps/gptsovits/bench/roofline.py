"""The roofline: what a token and a second of audio cost, what this machine can do, how far from it we are."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from comps.gptsovits import native
from comps.gptsovits.devices import Precision, computes_bfloat16_well, vocoder_dtype
from comps.gptsovits.engine.forms import Form
from comps.gptsovits.model import Model
from comps.gptsovits.networks.t2s import T2SConfig
from comps.gptsovits.networks.vits.decoder import VitsDecoder

N_POSITIONS = 256  # a sentence after a prompt
BUFFER_BYTES = 1 << 28  # far more than any cache holds
MATRIX = 1024
N_PHONEMES = 60
# A weight of int8 comes with its part of a scale: 4 bytes for 64.
WEIGHT_BYTES = {
    native.Kind.FLOAT32: 4.0,
    native.Kind.BFLOAT16: 2.0,
    native.Kind.FLOAT16: 2.0,
    native.Kind.INT8: 1.0 + 4 / 64,
}
# The head's, where it is another than the others'.
HEADS = {Form.COMPILED_INT8: Form.COMPILED_BFLOAT16, Form.TORCH_INT8: Form.TORCH_PREPACKED}


@dataclass(frozen=True)
class Roofline:
    token_bytes: float  # read for one token of one sequence
    token_flops: float
    audio_flops: float | None  # of the decoder, for a second of audio
    read_bytes_per_second: float  # of this machine
    flops_per_second: float  # in float32, as T2S adds up
    audio_flops_per_second: float  # in what the vocoder computes with
    audio_numbers: str

    @property
    def tokens_per_second(self) -> float:
        """The most that one sequence could have."""
        return 1 / max(
            self.token_bytes / self.read_bytes_per_second, self.token_flops / self.flops_per_second
        )

    def line(self, tokens_per_second: float, audio_seconds: float | None) -> str:
        """One sentence for a person; `audio_seconds` are of work for a second of audio."""
        share = tokens_per_second / self.tokens_per_second
        said = (
            f"a token reads {self.token_bytes / 1e6:.0f} MB and takes {self.token_flops / 1e6:.0f} MFLOP;"
            f" this machine reads {self.read_bytes_per_second / 1e9:.0f} GB/s and does"
            f" {self.flops_per_second / 1e9:.0f} GFLOP/s in float32: {self.tokens_per_second:.0f} tokens/s at"
            f" most from memory, and we are at {share:.0%} of that"
        )
        if share > 1:
            said += ", for the weights stay in the processor's caches"
        if self.audio_flops is not None and audio_seconds:
            reached = self.audio_flops / audio_seconds / self.audio_flops_per_second
            said += (
                f"; a second of audio takes the decoder {self.audio_flops / 1e9:.0f} GFLOP, at {reached:.0%}"
                f" of {self.audio_flops_per_second / 1e9:.0f} GFLOP/s in {self.audio_numbers}"
            )
        return said


@torch.inference_mode()
def roofline(model: Model, form: Form, precision: Precision) -> Roofline:
    """Of a model that is as it was loaded, on this machine's CPU, for steps in a form."""
    config = model.t2s.config
    dtype = vocoder_dtype(precision, has_bfloat16=computes_bfloat16_well())
    n_block_weights = config.n_layers * (4 * config.dim**2 + 2 * config.dim * config.ffn_dim)
    n_head_weights = config.dim * config.vocab_size
    is_exact = form.kind in (None, native.Kind.FLOAT32)
    read = float(sum(_layer_bytes(layer, form) for block in model.t2s.blocks for layer in _layers(block)))
    read += _layer_bytes(model.t2s.head, HEADS.get(form, form))
    read += _cached_numbers(config) * (4.0 if is_exact else 2.0)
    return Roofline(
        token_bytes=read,
        token_flops=2.0 * (n_block_weights + n_head_weights + _cached_numbers(config)),
        audio_flops=_decoder_flops(model),
        read_bytes_per_second=_reading_speed(),
        flops_per_second=_computing_speed(torch.float32),
        audio_flops_per_second=_computing_speed(dtype),
        audio_numbers=str(dtype).removeprefix("torch."),
    )


def _layers(block: nn.Module) -> list[nn.Module]:
    return [getattr(block, name) for name in native.LAYERS]


def _layer_bytes(layer: nn.Module, form: Form) -> float:
    """Of weights that are to be laid out in this form."""
    assert isinstance(layer, nn.Linear)
    if form.kind is not None:
        each = WEIGHT_BYTES[native.stored_kind(layer.weight, form.kind)]
    else:
        each = 1.0 if form is Form.TORCH_INT8 else 4.0
    return layer.weight.numel() * each


def _cached_numbers(config: T2SConfig) -> int:
    return 2 * config.n_layers * config.dim * N_POSITIONS


def _decoder_flops(model: Model) -> float | None:
    decoder = model.decoder
    if not isinstance(decoder, VitsDecoder):
        return None
    n_tokens = 4 * model.facts.token_rate
    tokens = torch.zeros(1, n_tokens, dtype=torch.long)
    phonemes = torch.zeros(1, N_PHONEMES, dtype=torch.long)
    style = torch.zeros(1, decoder.config.style_dim, 1)
    with FlopCounterMode(display=False) as counter:
        decoder.decode(tokens, phonemes, style, torch.zeros(decoder.noise_shape(n_tokens)))
    return counter.get_total_flops() * model.facts.token_rate / n_tokens


def _reading_speed() -> float:
    numbers = torch.ones(BUFFER_BYTES // 4)
    library, n_threads = native.load_library(), torch.get_num_threads()

    def read() -> None:
        if library is not None:
            library.read(numbers.data_ptr(), len(numbers), n_threads)
        else:
            numbers.sum()

    return BUFFER_BYTES / _least(read)


def _computing_speed(dtype: torch.dtype) -> float:
    a, b = (torch.ones(MATRIX, MATRIX, dtype=dtype) for _ in range(2))
    return 2.0 * MATRIX**3 / _least(lambda: torch.mm(a, b))


def _least(work: Callable[[], object]) -> float:
    """Of many, for a second: what a busy machine can do at its best."""
    best, until = float("inf"), time.perf_counter() + 1.0
    while time.perf_counter() < until:
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
