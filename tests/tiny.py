"""Tiny random models in the official file formats and in our own: every part real, nothing trained.

`write_pair` makes a folder as users have it: a `.ckpt` and a `.pth` (half precision, pickled HParams,
two-byte header) and the shared encoders at their official paths. `write_own` makes one safetensors file.
Models are small enough to load in a blink and to speak noise faster than real time.
"""

import sys
import types
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing
from torch import Tensor

from comps.gptsovits.checkpoints.build import load_model, load_pair
from comps.gptsovits.checkpoints.convert import convert_pair
from comps.gptsovits.model import Model
from comps.gptsovits.versions import FACTS, Version
from tests.shapes import (
    CfmSizes,
    DecoderSizes,
    Shapes,
    T2SSizes,
    bigvgan_shapes,
    decoder_shapes,
    eres2net_shapes,
    hifigan_shapes,
    t2s_shapes,
)

WIDTH = 32  # of content and BERT features
N_BINS = 64
T2S_SYMBOLS = {"v1": 512, "v2": 732}
DECODER_SYMBOLS = {"v1": 322, "v2": 732}
SPEAKER_CHANNELS = 4
VOCODER_V3: dict[str, Any] = {
    "upsample_rates": [4, 4, 2, 2, 2, 2],
    "upsample_kernel_sizes": [8, 8, 4, 4, 4, 4],
    "upsample_initial_channel": 64,
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3, 5]],
    "num_mels": 100,
    "use_tanh_at_final": False,
    "use_bias_at_final": False,
}
HEADERS = {"v2Pro": b"05", "v2ProPlus": b"06"}

T2S = T2SSizes(vocab=N_BINS + 1, dim=32, ffn=64, n_layers=2, n_heads=2, bert_dim=WIDTH)
DECODER = DecoderSizes(
    feature_dim=WIDTH,
    n_bins=N_BINS,
    channels=16,
    ffn=32,
    n_layers=2,
    mrte=32,
    style_hidden=16,
    style_dim=32,
    initial=32,
    blocks=(3,),
    n_flows=2,
    flow_layers=2,
    posterior_layers=2,
)


def t2s_sizes(version: str) -> T2SSizes:
    return replace(T2S, n_symbols=T2S_SYMBOLS[FACTS[Version(version)].symbols])


def decoder_sizes(version: str) -> DecoderSizes:
    facts = FACTS[Version(version)]
    sizes = replace(DECODER, n_symbols=DECODER_SYMBOLS[facts.symbols], style_bins=facts.reference_bins)
    if facts.has_speaker_vector:
        sizes = replace(sizes, style_dim=16, speaker_dim=SPEAKER_CHANNELS * 320)
    if version == "v2ProPlus":
        sizes = replace(sizes, kernels=(20, 16, 8, 2, 2))
    if facts.flow is not None:
        sizes = replace(
            sizes, cfm=CfmSizes(context=32, context_layers=2, dim=64, depth=2, text_dim=32, text_layers=1)
        )
    return sizes


def random_tensors(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Values that let signals neither vanish nor explode; each from its name, so files may be compared."""
    return {name: _random(name, shape, seed) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    last = name.rpartition(".")[2]
    if last == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.long)
    if last in ("inited", "running_var"):
        return torch.ones(shape)
    if last == "inv_freq":
        return 10_000.0 ** -(torch.arange(shape[0]) / shape[0])
    if last == "filter":
        return torch.full(shape, 1 / shape[-1])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode()) ^ seed))
    if last in ("weight_g", "original0"):
        return 1.0 + 0.1 * noise
    if len(shape) < 2:
        is_gain = last in ("gamma", "alpha") or (last == "weight" and ("norm" in name or "bn" in name))
        return (1.0 if is_gain else 0.0) + 0.05 * noise
    fan = max(1, noise[0].numel())
    return noise * (0.5 if "embed" in name else fan**-0.5)


@contextmanager
def _module_of_hparams() -> Iterator[type]:
    """A class that pickles as `utils.HParams`, as the reference project's training leaves it in files."""

    class HParams:
        def __init__(self, **values: Any) -> None:
            for key, value in values.items():
                setattr(self, key, HParams(**value) if isinstance(value, dict) else value)

    HParams.__module__, HParams.__qualname__ = "utils", "HParams"
    module = types.ModuleType("utils")
    module.HParams = HParams  # type: ignore[attr-defined]
    before = sys.modules.get("utils")
    sys.modules["utils"] = module
    try:
        yield HParams
    finally:
        del sys.modules["utils"]
        if before is not None:
            sys.modules["utils"] = before


def write_official(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    config: Mapping[str, Any] | None = None,
    half: bool = True,
    hparams: bool = False,
    header: bytes | None = None,
    section: str = "weight",
    **extras: Any,
) -> Path:
    """A `torch.save` file as the reference project writes it. `section` "" puts the tensors at the root."""
    stored = OrderedDict((k, t.half() if half and t.is_floating_point() else t) for k, t in tensors.items())
    root: Any = {section: stored, **extras} if section else stored
    path.parent.mkdir(parents=True, exist_ok=True)
    with _module_of_hparams() as hparams_type:
        if section and config is not None:
            root["config"] = hparams_type(**config) if hparams else dict(config)
        torch.save(root, path)
    if header is not None:
        with path.open("r+b") as file:
            file.write(header)
    return path


def t2s_hyper(version: str) -> dict[str, Any]:
    sizes = t2s_sizes(version)
    model = {"head": sizes.n_heads, "n_layer": sizes.n_layers, "hidden_dim": sizes.dim, "EOS": N_BINS}
    return {"train": {"seed": 1234}, "model": model, "inference": {"top_k": 15}}


def decoder_hyper(version: str) -> dict[str, Any]:
    sizes = decoder_sizes(version)
    return {
        "train": {"seed": 1234},
        "data": {"sampling_rate": 32000, "filter_length": 2048, "hop_length": 640},
        "model": {
            "n_heads": sizes.n_heads,
            "resblock": "1",
            "resblock_dilation_sizes": [[1, 3, 5]] * len(sizes.blocks),
            "upsample_rates": list(sizes.rates),
            "version": str(version),
        },
    }


def write_t2s(path: Path, version: str = "v2", *, seed: int = 0, **options: Any) -> Path:
    tensors = random_tensors(t2s_shapes(t2s_sizes(version)), seed)
    return write_official(path, tensors, config=t2s_hyper(version), info="GPT-e15", **options)


def write_decoder(
    path: Path, version: str = "v2", *, seed: int = 0, posterior: bool = False, **options: Any
) -> Path:
    """As a fine-tuned file is: no posterior encoder, HParams, and the header of its version."""
    tensors = random_tensors(decoder_shapes(decoder_sizes(version), posterior=posterior), seed)
    options = {
        "config": decoder_hyper(version),
        "hparams": True,
        "header": HEADERS.get(version),
        "info": "8epoch_96iteration",
        **options,
    }
    return write_official(path, tensors, **options)


def content_config() -> dict[str, Any]:
    return {
        "model_type": "hubert",
        "hidden_size": WIDTH,
        "conv_dim": [16] * 7,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
    }


def write_content(folder: Path, *, seed: int = 0) -> Path:
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(seed)
    network = HubertModel(HubertConfig(**content_config()))
    return _write_transformers(folder, network)


def write_text_encoder(folder: Path, *, seed: int = 0) -> Path:
    from transformers import BertConfig, BertForMaskedLM

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"，。！？我你他们是的在有这中国人大来上个天好世界你说话",
    ]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(handle_chinese_chars=True, lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "hidden_size": WIDTH,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=512, **sizes)
    _write_transformers(folder, BertForMaskedLM(config))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _write_transformers(folder: Path, network: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    network.config.to_json_file(folder / "config.json")
    write_official(folder / "pytorch_model.bin", network.state_dict(), section="")
    return folder


def write_speaker_encoder(path: Path, *, seed: int = 0) -> Path:
    shapes = eres2net_shapes(SPEAKER_CHANNELS, n_blocks=(1, 1, 1, 1), base=64)
    return write_official(path, random_tensors(shapes, seed), section="")


def write_vocoder(root: Path, version: str, *, seed: int = 0) -> Path:
    """BigVGAN for v3, HiFi-GAN for v4, at its official path."""
    if version == "v4":
        shapes = hifigan_shapes("", 100, 32, (20, 12, 4, 4, 4), (3,), weight_norm=False)
        return write_official(
            root / "gsv-v4-pretrained/vocoder.pth", random_tensors(shapes, seed), half=False, section=""
        )
    import json

    folder = root / "models--nvidia--bigvgan_v2_24khz_100band_256x"
    shapes = bigvgan_shapes(VOCODER_V3["upsample_initial_channel"], blocks=(3,))
    path = folder / "bigvgan_generator.pt"
    write_official(path, random_tensors(shapes, seed), half=False, section="generator")
    (folder / "config.json").write_text(json.dumps(VOCODER_V3))
    return path


def write_assets(root: Path, version: str, *, seed: int = 0, text: bool = True) -> Path:
    """Every encoder and vocoder that `version` needs, at the official paths."""
    write_content(root / "chinese-hubert-base", seed=seed)
    if text:
        write_text_encoder(root / "chinese-roberta-wwm-ext-large", seed=seed)
    if FACTS[Version(version)].has_speaker_vector:
        write_speaker_encoder(root / "sv/pretrained_eres2netv2w24s4ep4.ckpt", seed=seed)
    if FACTS[Version(version)].flow is not None:
        write_vocoder(root, version, seed=seed)
    return root


@dataclass(frozen=True)
class TinyPair:
    root: Path  # where the shared encoders are
    t2s: Path
    decoder: Path
    version: Version

    def load(self) -> Model:
        return load_pair(self.t2s, self.decoder, assets=self.root, version=self.version)


def write_pair(root: Path, version: str = "v2", *, seed: int = 0, text: bool = True) -> TinyPair:
    """An official pair `tiny.ckpt`, `tiny.pth` and everything it needs."""
    write_assets(root, version, seed=seed, text=text)
    t2s = write_t2s(root / "tiny.ckpt", version, seed=seed)
    decoder = write_decoder(root / "tiny.pth", version, seed=seed)
    return TinyPair(root, t2s, decoder, Version(version))


def write_own(
    folder: Path, version: str = "v2", *, seed: int = 0, languages: tuple[str, ...] = ("en",)
) -> Path:
    """`folder/model.safetensors`: self-contained, and without text encoder, like the bundled model."""
    pair = write_pair(folder / "official", version, seed=seed, text=False)
    path = folder / "model.safetensors"
    convert_pair(pair.t2s, pair.decoder, path, assets=pair.root, version=pair.version, languages=languages)
    return path


def tiny_model(folder: Path, version: str = "v2", *, seed: int = 0) -> Model:
    """A loaded model of one file in our own form."""
    return load_model(write_own(folder, version, seed=seed), model_id=f"tiny-{version}")


def write_legacy(path: Path, root: Any) -> Path:
    """The container of torch before 1.6."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(root, path, _use_new_zipfile_serialization=False)
    return path


def write_safetensors(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path
