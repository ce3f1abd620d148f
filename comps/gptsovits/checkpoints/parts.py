"""Each part of a model from its official file: `load_t2s`, `load_decoder`, `load_content` and the others.

A source is a file, a folder as `transformers` writes them, or a state dict with official names.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn.utils import parametrize

from comps.cores.errors import CorruptCheckpoint, ModelNotReady
from comps.gptsovits.checkpoints import sizes
from comps.gptsovits.checkpoints.checks import sound, sound_content
from comps.gptsovits.checkpoints.detect import Kind, detect
from comps.gptsovits.checkpoints.hyper import Hyper
from comps.gptsovits.checkpoints.load import Part, fill, without_initialisation
from comps.gptsovits.checkpoints.lora import Merged
from comps.gptsovits.checkpoints.reader import Checkpoint, open_checkpoint
from comps.gptsovits.checkpoints.tables.cfm import CFM
from comps.gptsovits.checkpoints.tables.encoders import BERT, CONTENT, SPEAKER
from comps.gptsovits.checkpoints.tables.t2s import T2S as T2S_TABLE
from comps.gptsovits.checkpoints.tables.vits import VITS
from comps.gptsovits.checkpoints.tables.vocoders import BIGVGAN, HIFIGAN
from comps.gptsovits.checkpoints.weights import Folded, InMemory, Stored, Weights, Without
from comps.gptsovits.dsp import torchaudio_parts  # noqa: F401  # before transformers, which imports torchaudio
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.encoders.bert import LAYERS_UNUSED, BertEncoder
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.encoders.eres2net import SpeakerEncoder
from comps.gptsovits.networks.t2s.model import T2S
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.bigvgan import BigVgan
from comps.gptsovits.networks.vocoders.hifigan import HifiGan, HifiGanConfig
from comps.gptsovits.versions import FACTS, Version

N = TypeVar("N", bound=nn.Module)
Source = Path | Mapping[str, Tensor]
Decoder = VitsDecoder | CfmDecoder
Vocoder = HifiGan | BigVgan
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class _Opened:
    weights: Weights
    config: dict[str, Any]
    checkpoint: Checkpoint | None = None


@contextmanager
def _opened(
    source: Source, config: Mapping[str, Any] | None, prefixes: tuple[str, ...] = ()
) -> Iterator[_Opened]:
    """The source with the first of `prefixes` that any name has taken off."""
    if isinstance(source, Mapping):
        prefix = _prefix(source, prefixes)
        plain = {name.removeprefix(prefix): tensor for name, tensor in source.items()}
        yield _Opened(InMemory(plain), dict(config or {}))
        return
    path = _file_of(Path(source))
    with open_checkpoint(path) as checkpoint:
        known = config if config is not None else checkpoint.config or config_beside(path)
        yield _Opened(Stored(checkpoint, _prefix(checkpoint.tensors, prefixes)), dict(known), checkpoint)


def _prefix(names: Mapping[str, object], prefixes: tuple[str, ...]) -> str:
    return next((p for p in prefixes if any(name.startswith(p) for name in names)), "")


def _file_of(path: Path) -> Path:
    """The weights in a folder, or the file itself."""
    if not path.is_dir():
        return path
    found = [path / name for name in WEIGHT_FILES if (path / name).is_file()]
    if not found:
        raise ModelNotReady(f"{path} has no weights", missing=f"{path.name}/{WEIGHT_FILES[1]}")
    return found[0]


def config_beside(path: Path) -> dict[str, Any]:
    """The `config.json` in the folder of a file; empty if there is none."""
    beside = path.parent / "config.json"
    if not beside.is_file():
        return {}
    try:
        config = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise CorruptCheckpoint(f"{beside} is not JSON") from None
    return config if isinstance(config, dict) else {}


def constructed(build: Callable[[], N]) -> N:
    """A network about to be filled. Sizes that make none are the file's fault."""
    try:
        with without_initialisation():
            return build()
    except (RuntimeError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise CorruptCheckpoint(f"the file's sizes make no network: {str(error)[:200]}") from error


def read_t2s(source: Source, *, config: Mapping[str, Any] | None = None) -> Part[T2S]:
    """`config` stands in for the file's own, which tells the number of heads."""
    with _opened(source, config, ("model.",)) as opened:
        found = sound(sizes.t2s_config(sizes.Shapes(opened.weights.shapes), Hyper(opened.config)))
        return fill(constructed(lambda: T2S(found)), opened.weights, T2S_TABLE)


def read_decoder(
    source: Source,
    *,
    version: Version | None = None,
    vocoder: Part[Vocoder] | None = None,
    base: Path | None = None,
    config: Mapping[str, Any] | None = None,
) -> Part[Decoder]:
    """A decoder of any version. v3 and v4 need their `vocoder`, a LoRA file the official `base` too."""
    with _opened(source, config) as opened:
        weights = opened.weights
        if opened.checkpoint is not None:
            detected = detect(opened.checkpoint)
            version = detected.version(version, name=opened.checkpoint.path.name)
            if detected.kind is Kind.LORA:
                if base is None:
                    raise ModelNotReady(
                        f"{opened.checkpoint.path.name} is a LoRA: it needs the official decoder of {version}"
                    )
                with open_checkpoint(base) as official:
                    return _decoder(
                        Merged(Stored(official), weights), Hyper(official.config), version, vocoder
                    )
        return _decoder(weights, Hyper(opened.config), version, vocoder)


def _decoder(
    weights: Weights, hyper: Hyper, version: Version | None, vocoder: Part[Vocoder] | None
) -> Part[Decoder]:
    shapes = sizes.Shapes(Folded(weights).shapes)
    flow = FACTS[version].flow if version is not None else None
    if flow is None:
        found = sound(sizes.vits_config(shapes, hyper))
        assert isinstance(found.vocoder, HifiGanConfig)  # as all official ones
        counts = {"n_blocks": len(found.vocoder.resblock_kernels)}
        return fill(constructed(lambda: VitsDecoder(found)), weights, VITS, counts)
    if vocoder is None:
        raise ModelNotReady(f"a decoder of {version} needs its vocoder", missing="vocoder")
    cfm = sound(sizes.cfm_config(shapes, flow, vocoder.network.config))
    part = fill(constructed(lambda: CfmDecoder(cfm)), weights, CFM, apart=("vocoder",))
    return with_vocoder(part, vocoder)


def with_vocoder(decoder: Part[CfmDecoder], vocoder: Part[Vocoder]) -> Part[Decoder]:
    """The decoder of v3 or v4 complete."""
    decoder.network.vocoder = vocoder.network
    dtypes = {**decoder.dtypes, **{f"vocoder.{name}": dtype for name, dtype in vocoder.dtypes.items()}}
    return Part(decoder.network, f"{decoder.digest}+{vocoder.digest}", dtypes)


def read_vocoder(source: Source, *, config: Mapping[str, Any] | None = None) -> Part[Vocoder]:
    """BigVGAN or HiFi-GAN, whichever the tensors are. The config may lie beside the file as `config.json`."""
    with _opened(source, config) as opened:
        shapes, hyper = sizes.Shapes(Folded(opened.weights).shapes), Hyper(opened.config)
        if "activation_post.act.alpha" in shapes:
            big = sound(sizes.bigvgan_config(shapes, hyper))
            counts = {"n_blocks": len(big.resblock_kernels)}
            return fill(constructed(lambda: BigVgan(big)), opened.weights, BIGVGAN, counts)
        # A config beside a bare vocoder may be some other file's.
        plain = sound(sizes.hifigan_config(shapes, hyper))
        counts = {"n_blocks": len(plain.resblock_kernels)}
        return fill(constructed(lambda: HifiGan(plain)), opened.weights, HIFIGAN, counts)


def read_content(source: Source, *, config: Mapping[str, Any] | None = None) -> Part[ContentEncoder]:
    with _opened(source, config, ("hubert.",)) as opened:
        encoder = content_encoder(opened.config)
        return fill(encoder, opened.weights, CONTENT, optional=OPTIONAL_CONTENT)


# Masks features in training alone; some files leave it out.
OPTIONAL_CONTENT = ("model.masked_spec_embed",)


def content_encoder(config: dict[str, Any]) -> ContentEncoder:
    """Without weights, and with its positional convolution free of weight norm."""
    known = sound_content(config)
    encoder = constructed(lambda: ContentEncoder(known))
    conv = encoder.model.encoder.pos_conv_embed.conv
    if parametrize.is_parametrized(conv, "weight"):
        parametrize.remove_parametrizations(conv, "weight")
    return encoder


def read_bert(source: Source, *, config: Mapping[str, Any] | None = None) -> Part[BertEncoder]:
    with _opened(source, config, ("bert.",)) as opened:
        n_layers = sizes.Shapes(opened.weights.shapes).count("encoder.layer.#.")
        known = {**opened.config, "num_hidden_layers": n_layers}
        kept = Without(
            opened.weights, tuple(f"encoder.layer.{n_layers - 1 - i}." for i in range(LAYERS_UNUSED))
        )
        return fill(constructed(lambda: BertEncoder(known)), kept, BERT)


def read_speaker(source: Source, *, config: Mapping[str, Any] | None = None) -> Part[SpeakerEncoder]:
    with _opened(source, config) as opened:
        found = sound(sizes.speaker_config(sizes.Shapes(opened.weights.shapes)))
        return fill(constructed(lambda: SpeakerEncoder(found)), opened.weights, SPEAKER)


def load_t2s(source: Source, *, config: Mapping[str, Any] | None = None) -> T2S:
    return read_t2s(source, config=config).network


def load_decoder(
    source: Source,
    version: Version | None = None,
    *,
    vocoder: Source | None = None,
    vocoder_config: Mapping[str, Any] | None = None,
    base: Path | None = None,
    config: Mapping[str, Any] | None = None,
) -> Decoder:
    """`vocoder` is the file of v3's or v4's vocoder, `base` the official decoder that a LoRA changes."""
    part = read_vocoder(vocoder, config=vocoder_config) if vocoder is not None else None
    return read_decoder(source, version=version, vocoder=part, base=base, config=config).network


def load_vocoder(source: Source, *, config: Mapping[str, Any] | None = None) -> Vocoder:
    return read_vocoder(source, config=config).network


def load_content(source: Source, *, config: Mapping[str, Any] | None = None) -> ContentEncoder:
    return read_content(source, config=config).network


def load_bert(source: Source, *, config: Mapping[str, Any] | None = None) -> BertEncoder:
    return read_bert(source, config=config).network


def load_speaker(source: Source, *, config: Mapping[str, Any] | None = None) -> SpeakerEncoder:
    return read_speaker(source, config=config).network
