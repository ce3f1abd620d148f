"""Packing: a decoder made ready to be fast on a CPU."""

import torch

from comps.gptsovits import native
from comps.gptsovits.devices import Precision, computes_bfloat16_well, vocoder_dtype
from comps.gptsovits.engine.pacing import Cuts
from comps.gptsovits.engine.streaming import LiveSpeech
from comps.gptsovits.engine.threads import threads_for
from comps.gptsovits.model import Model
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.layers.packed import pack_convs
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.networks.vocoders.packed import PackedHifiGan

WARM_TOKENS, WARM_PHONEMES = 100, 30


def pack_decoder(
    decoder: VitsDecoder | CfmDecoder,
    precision: Precision,
    *,
    compiled: bool = True,
    n_threads: int = 1,
) -> int:
    """Lays out a decoder's weights for speed, in place: they are no longer the network's own.

    Compiled code runs on `n_threads` and may multiply in bfloat16; without it, the vocoder alone may.
    Elsewhere than on a CPU nothing is changed.

    Returns how many threads torch is to use for the rest. It is one where nearly all is compiled: torch's own
    threads go on spinning for a while, where those of compiled code are to run.
    """
    n_torch_threads = threads_for(decoder, n_threads)
    if decoder.quantizer.codebook.device.type != "cpu":
        return n_torch_threads
    dtype = vocoder_dtype(precision, has_bfloat16=computes_bfloat16_well())
    vocoder = decoder.vocoder
    library = native.load_vocoder_library() if compiled and isinstance(vocoder, HifiGan) else None
    if isinstance(vocoder, HifiGan):
        if library is not None and not native.suits_vocoder(vocoder, dtype, library):
            library = None
        decoder.vocoder = (
            native.CompiledHifiGan(vocoder, dtype, library, n_threads=n_threads)
            if library is not None
            else PackedHifiGan(vocoder, dtype)
        )
    networks = [decoder.prior, decoder.flow] if isinstance(decoder, VitsDecoder) else [decoder.prior]
    for network in networks:
        if isinstance(decoder, VitsDecoder) and library is not None:
            native.compile_convs(network, dtype, library, n_threads=n_threads)
        else:
            pack_convs(network)
    return 1 if isinstance(decoder, VitsDecoder) and library is not None else n_torch_threads


def warm_up(model: Model) -> None:
    """Speaks four seconds of nothing, so that the first request finds the kernels of the usual chunks."""
    decoder = model.decoder
    if not isinstance(decoder, VitsDecoder):
        return
    weight = decoder.quantizer.codebook
    live = LiveSpeech(
        decoder,
        torch.zeros(1, WARM_PHONEMES, dtype=torch.long, device=weight.device),
        torch.zeros(1, decoder.config.style_dim, 1).to(weight),
        torch.Generator(),
        sample_rate=model.sample_rate,
    )
    tokens, cuts = [0] * WARM_TOKENS, Cuts(0)
    while cuts.needed <= WARM_TOKENS:
        cuts.advance()
        live.hear(tokens[: cuts.n_kept], cuts.last)
    live.finish(tokens)
    while live.is_ready:
        next(live)
