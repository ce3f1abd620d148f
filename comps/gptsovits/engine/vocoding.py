"""Vocoding on a CPU: nearly all of a decoder's time."""

from comps.gptsovits.devices import Precision, computes_bfloat16_well, vocoder_dtype
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.networks.vocoders.packed import PackedHifiGan


def pack_vocoder(decoder: VitsDecoder | CfmDecoder, precision: Precision) -> None:
    """Lays out the weights of a HiFi-GAN on a CPU for speed, in place: they are no longer the network's own.

    Elsewhere than on a CPU, and for other vocoders, nothing is changed.
    """
    vocoder = decoder.vocoder
    if isinstance(vocoder, HifiGan) and decoder.quantizer.codebook.device.type == "cpu":
        dtype = vocoder_dtype(precision, has_bfloat16=computes_bfloat16_well())
        decoder.vocoder = PackedHifiGan(vocoder, dtype)
