"""Sizes that must fit each other; tensors of the right shape do not show that they do."""

from typing import TypeVar

from comps.cores.errors import CorruptCheckpoint
from comps.gptsovits.networks.cfm.decoder import CfmConfig
from comps.gptsovits.networks.semantic.mrte import N_HEADS as MRTE_HEADS
from comps.gptsovits.networks.semantic.prior import PriorConfig
from comps.gptsovits.networks.semantic.style import N_HEADS as STYLE_HEADS
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig
from comps.gptsovits.networks.vocoders.bigvgan import BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import HifiGanConfig

C = TypeVar("C", T2SConfig, VitsConfig, CfmConfig, HifiGanConfig, BigVganConfig)


def sound(config: C) -> C:
    """The config itself. Raises `CorruptCheckpoint` where a network of it would fail at its first sound."""
    if isinstance(config, T2SConfig):
        _divides("heads of T2S", config.n_heads, config.dim)
    elif isinstance(config, VitsConfig | CfmConfig):
        _prior(config.prior)
        _divides("heads of the style encoder", STYLE_HEADS, config.style_hidden)
        _vocoder(config.vocoder)
    else:
        _vocoder(config)
    return config


def _prior(config: PriorConfig) -> None:
    _divides("heads of the prior", config.n_heads, config.channels)
    _divides("heads of the MRTE", MRTE_HEADS, config.mrte_channels)
    _divides("halves of the latent frames", 2, config.latent_channels)
    _divides("content encoders' layers", 2, config.n_layers)


def _vocoder(config: HifiGanConfig | BigVganConfig) -> None:
    rates, kernels = config.upsample_rates, config.upsample_kernels
    if len(rates) != len(kernels) or any(k < r or (k - r) % 2 for r, k in zip(rates, kernels, strict=False)):
        raise CorruptCheckpoint(f"upsampling by {rates} does not go with kernels of {kernels}")
    if len(config.resblock_dilations) != len(config.resblock_kernels):
        raise CorruptCheckpoint("dilations are not given for each kernel of the residual blocks")
    if any(kernel % 2 == 0 for kernel in config.resblock_kernels):
        raise CorruptCheckpoint(f"kernels of residual blocks are odd, not {config.resblock_kernels}")


def _divides(what: str, part: int, whole: int) -> None:
    if part < 1 or whole % part:
        raise CorruptCheckpoint(f"{part} {what} do not divide a width of {whole}")
