"""Sizes that must fit each other; tensors of the right shape do not show that they do."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from comps.cores.errors import CorruptCheckpoint
from comps.gptsovits.networks.cfm.decoder import CfmConfig
from comps.gptsovits.networks.encoders.eres2net import SpeakerConfig
from comps.gptsovits.networks.semantic.mrte import N_HEADS as MRTE_HEADS
from comps.gptsovits.networks.semantic.prior import PriorConfig
from comps.gptsovits.networks.semantic.style import N_HEADS as STYLE_HEADS
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig
from comps.gptsovits.networks.vocoders.bigvgan import BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import HifiGanConfig
from comps.gptsovits.networks.vocoders.vocos import VocosConfig

C = TypeVar("C", T2SConfig, VitsConfig, CfmConfig, HifiGanConfig, BigVganConfig, SpeakerConfig)

# Several times what any published network has. A config that asks for more would be built for hours.
MAX_LAYERS = 200
MAX_WIDTH = 1 << 16


def sound(config: C) -> C:
    """The config itself. Raises `CorruptCheckpoint` where a network of it would fail at its first sound."""
    _bounded(dataclasses.asdict(config))
    if isinstance(config, T2SConfig):
        _divides("heads of T2S", config.n_heads, config.dim)
    elif isinstance(config, VitsConfig | CfmConfig):
        _prior(config.prior)
        _divides("heads of the style encoder", STYLE_HEADS, config.style_hidden)
        _vocoder(config.vocoder)
    elif not isinstance(config, SpeakerConfig):
        _vocoder(config)
    return config


def sound_content(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a content encoder for `transformers`, which checks what else must fit."""
    _bounded(config)
    return dict(config)


def _bounded(value: Any, name: str = "") -> None:
    """Counts of layers, widths and lists stay within reason, wherever they stand."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _bounded(inner, str(key))
    elif isinstance(value, list | tuple):
        if len(value) > MAX_LAYERS:
            raise CorruptCheckpoint(f"the config lists {len(value)} of {name}")
        for inner in value:
            _bounded(inner, name)
    elif isinstance(value, int):
        limit = MAX_LAYERS if _COUNTS.search(name) else MAX_WIDTH
        if value > limit:
            raise CorruptCheckpoint(f"the config says {name} = {value}, more than any network has")


_COUNTS = re.compile(r"layers|n_flows|n_blocks|n_feature_blocks")


def _prior(config: PriorConfig) -> None:
    _divides("heads of the prior", config.n_heads, config.channels)
    _divides("heads of the MRTE", MRTE_HEADS, config.mrte_channels)
    _divides("halves of the latent frames", 2, config.latent_channels)
    _divides("content encoders' layers", 2, config.n_layers)


def _vocoder(config: HifiGanConfig | BigVganConfig | VocosConfig) -> None:
    if isinstance(config, VocosConfig):
        _windows(config)
        return
    rates, kernels = config.upsample_rates, config.upsample_kernels
    if len(rates) != len(kernels) or any(k < r or (k - r) % 2 for r, k in zip(rates, kernels, strict=False)):
        raise CorruptCheckpoint(f"upsampling by {rates} does not go with kernels of {kernels}")
    if len(config.resblock_dilations) != len(config.resblock_kernels):
        raise CorruptCheckpoint("dilations are not given for each kernel of the residual blocks")
    if any(kernel % 2 == 0 for kernel in config.resblock_kernels):
        raise CorruptCheckpoint(f"kernels of residual blocks are odd, not {config.resblock_kernels}")


def _windows(config: VocosConfig) -> None:
    n_fft, hop = config.n_fft, config.window_hop
    if min(config.rate, hop) < 1 or n_fft < 2 * hop or n_fft % 2 or (n_fft - hop) % 2:
        raise CorruptCheckpoint(f"windows of {n_fft} samples do not go with steps of {hop}")


def _divides(what: str, part: int, whole: int) -> None:
    if part < 1 or whole % part:
        raise CorruptCheckpoint(f"{part} {what} do not divide a width of {whole}")
