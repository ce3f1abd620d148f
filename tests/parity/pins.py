"""Small networks of every version on rebuilt weights, and a few numbers of what they compute.

`python -m tests.parity.pins > tests/parity/data/pins.json` writes them anew: only when every stored output of
the reference implementation passes `bin/parity.sh`.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from comps.gptsovits.checkpoints.parts import load_bert, load_decoder, load_speaker, load_vocoder
from comps.gptsovits.networks.cfm.chunks import ChunkSizes
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.antialias import half_band_filter
from comps.gptsovits.versions import Version
from tests import tiny
from tests.parity.rule import rebuilt
from tests.shapes import bigvgan_shapes, decoder_shapes, eres2net_shapes, hifigan_shapes

SEED = 5
N_SHOWN = 6
# A few frames, so that a short text already takes several chunks.
SIZES = ChunkSizes(reference=10, chunk=24, overlap=4)


def noise(*shape: int) -> Tensor:
    """Standard normal numbers that depend on the shape alone, on every machine."""
    values = np.random.RandomState(SEED + sum(shape)).standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


def vits(version: str) -> dict[str, Tensor]:
    sizes = tiny.decoder_sizes(version)
    decoder = load_decoder(
        rebuilt(decoder_shapes(sizes), seed=SEED), Version(version), config=tiny.decoder_hyper(version)
    )
    assert isinstance(decoder, VitsDecoder)
    references = [noise(1, 1025, 20).abs(), noise(1, 1025, 31).abs()]
    speakers = [noise(1, sizes.speaker_dim), noise(1, sizes.speaker_dim)] if sizes.speaker_dim else None
    style = decoder.style(references, speakers)
    tokens, phonemes = torch.arange(7)[None] * 3, torch.arange(5)[None] + 11
    drawn = noise(*decoder.noise_shape(7, 1.1))
    return {"style": style, "audio": decoder.decode(tokens, phonemes, style, drawn, speed=1.1)}


def cfm(version: str) -> dict[str, Tensor]:
    decoder = load_decoder(
        rebuilt(decoder_shapes(tiny.decoder_sizes(version)), seed=SEED),
        Version(version),
        vocoder=_vocoder_weights(version),
        vocoder_config=tiny.VOCODER_V3 if version == "v3" else None,
        config=tiny.decoder_hyper(version),
    )
    assert isinstance(decoder, CfmDecoder)
    decoder.config = replace(decoder.config, sizes=SIZES)
    style = decoder.style([noise(1, 1025, 20).abs()])
    tokens, phonemes = torch.arange(9)[None] * 3, torch.arange(5)[None] + 11
    reference = decoder.reference(noise(1, 100, 18), tokens[:, :6], phonemes, style)
    features = decoder.features(tokens, phonemes, style, speed=1.1)

    def source(shape: tuple[int, ...]) -> Tensor:
        return noise(*shape)

    together = decoder.decode_together([features, features[..., :9]], reference, source, steps=2)
    return {
        "features": features,
        "audio": decoder.decode(tokens, phonemes, style, reference, source, steps=2),
        "together": torch.cat(together),
    }


def speaker() -> dict[str, Tensor]:
    shapes = eres2net_shapes(tiny.SPEAKER_CHANNELS, n_blocks=(1, 1, 1, 1), base=64)
    return {"vector": load_speaker(rebuilt(shapes, seed=SEED))(noise(1, 50, 80))}


def bert() -> dict[str, Tensor]:
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 48}
    config = BertConfig(vocab_size=40, **sizes)
    names = {name: tuple(t.shape) for name, t in BertForMaskedLM(config).state_dict().items()}
    encoder = load_bert(rebuilt(names, seed=SEED), config=config.to_dict())
    return {"features": encoder(torch.arange(12)[None])}


def _vocoder_weights(version: str) -> dict[str, Tensor]:
    if version == "v3":
        initial = tiny.VOCODER_V3["upsample_initial_channel"]
        return tamed(rebuilt(bigvgan_shapes(initial, blocks=(3,)), seed=SEED))
    shapes = hifigan_shapes("", 100, 32, (20, 12, 4, 4, 4), (3,), weight_norm=False)
    return rebuilt(shapes, seed=SEED)


def tamed(bigvgan: dict[str, Tensor]) -> dict[str, Tensor]:
    """With true filters and slow, shallow snakes: random ones amplify the last bit until it is heard."""
    for name, tensor in bigvgan.items():
        if name.endswith("filter"):
            tensor.copy_(half_band_filter())
        elif name.endswith("act.alpha"):
            tensor.sub_(2.0)
        elif name.endswith("act.beta"):
            tensor.add_(1.0)
        elif name == "conv_post.weight_g":
            tensor.mul_(0.001)
    return bigvgan


def vocoder(version: str) -> dict[str, Tensor]:
    config = tiny.VOCODER_V3 if version == "v3" else None
    return {"audio": load_vocoder(_vocoder_weights(version), config=config)(noise(1, 100, 12))}


NETWORKS: dict[str, Callable[[], dict[str, Tensor]]] = {
    "decoder_v1": lambda: vits("v1"),
    "decoder_v2Pro": lambda: vits("v2Pro"),
    "decoder_v2ProPlus": lambda: vits("v2ProPlus"),
    "decoder_v3": lambda: cfm("v3"),
    "decoder_v4": lambda: cfm("v4"),
    "vocoder_v3": lambda: vocoder("v3"),
    "vocoder_v4": lambda: vocoder("v4"),
    "speaker": speaker,
    "bert": bert,
}


def pins(network: str) -> dict[str, list[float]]:
    """Of each output its size, its norm, and a few values from all over it."""
    with torch.inference_mode():
        return {name: _pin(tensor) for name, tensor in NETWORKS[network]().items()}


def _pin(tensor: Tensor) -> list[float]:
    flat = tensor.double().flatten()
    places = torch.linspace(0, len(flat) - 1, N_SHOWN).long()
    return [float(len(flat)), *(round(float(x), 7) for x in (flat.norm(), *flat[places]))]


if __name__ == "__main__":
    print(json.dumps({network: pins(network) for network in NETWORKS}, indent=1))
