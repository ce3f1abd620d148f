"""Packing: a decoder made ready to be fast on a CPU."""

from comps.gptsovits import native
from comps.gptsovits.devices import Precision, computes_bfloat16_well, vocoder_dtype
from comps.gptsovits.engine.threads import threads_for
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.layers.packed import pack_convs
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.networks.vocoders.packed import PackedHifiGan
from comps.gptsovits.networks.vocoders.vocos import Vocos


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
    library = native.load_decoder_library() if compiled else None
    if isinstance(vocoder, HifiGan):
        if library is not None and not native.suits_hifigan(vocoder, dtype, library):
            library = None
        decoder.vocoder = (
            native.CompiledHifiGan(vocoder, dtype, library, n_threads=n_threads)
            if library is not None
            else PackedHifiGan(vocoder, dtype)
        )
    elif isinstance(vocoder, Vocos):
        if library is not None and not native.suits_vocos(vocoder, dtype, library):
            library = None
        if library is not None:
            decoder.vocoder = native.CompiledVocos(vocoder, dtype, library, n_threads=n_threads)
    else:
        library = None
    if isinstance(decoder, VitsDecoder) and library is not None:
        native.compile_prior(decoder.prior, dtype, library, n_threads=n_threads)
        if native.suits_flow(decoder.flow):
            flow = native.CompiledFlow(decoder.flow, dtype, library, n_threads=n_threads)
            decoder.register_module("flow", flow)
        else:
            native.compile_convs(decoder.flow, dtype, library, n_threads=n_threads)
        return 1
    for network in (decoder.prior, decoder.flow) if isinstance(decoder, VitsDecoder) else (decoder.prior,):
        pack_convs(network)
    return n_torch_threads
