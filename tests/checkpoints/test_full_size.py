"""Files of official size, made from lists of every tensor of the official files, load strictly.

The lists (tests/checkpoints/manifests) were taken from the reference project's networks at their published
sizes. The files hold zeros: what counts is names, shapes, memory.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from comps.gptsovits.checkpoints.detect import Kind, detect
from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.parts import (
    read_bert,
    read_content,
    read_decoder,
    read_speaker,
    read_t2s,
    read_vocoder,
)
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.networks.vocoders.hifigan import HifiGan, HifiGanConfig
from comps.gptsovits.versions import FACTS, Version
from tests.shapes import (
    OFFICIAL_DECODERS,
    OFFICIAL_T2S,
    Shapes,
    bigvgan_shapes,
    decoder_shapes,
    eres2net_shapes,
    hifigan_shapes,
    t2s_shapes,
)
from tests.tiny import write_official

MANIFESTS = Path(__file__).parent / "manifests"
V4_KERNELS = (20, 12, 4, 4, 4)

TABLES: dict[str, Shapes] = {
    **{f"s1_{version}": t2s_shapes(sizes) for version, sizes in OFFICIAL_T2S.items()},
    **{f"s2_{version}": decoder_shapes(sizes) for version, sizes in OFFICIAL_DECODERS.items()},
    "vocoder_v3": bigvgan_shapes(),
    "vocoder_v3_noweightnorm": bigvgan_shapes(weight_norm=False),
    "vocoder_v4": hifigan_shapes("", 100, 512, V4_KERNELS, (3, 7, 11), weight_norm=False),
    "sv_eres2netv2w24s4ep4": eres2net_shapes(),
}


def manifest(name: str) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], str]]]:
    found = json.loads(gzip.decompress((MANIFESTS / f"{name}.json.gz").read_bytes()))
    return found["config"], {key: (tuple(shape), dtype) for key, (shape, dtype) in found["keys"].items()}


def zeros(name: str) -> dict[str, Tensor]:
    return {
        key: torch.zeros(shape, dtype=torch.long if dtype == "int64" else torch.half)
        for key, (shape, dtype) in manifest(name)[1].items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Removed at once: these files are large."""
    yield tmp_path
    for path in tmp_path.iterdir():
        path.unlink()


def stand_in_vocoder() -> Part[HifiGan]:
    config = HifiGanConfig(100, 32, (10, 6, 2, 2, 2), V4_KERNELS, (3,), ((1, 3, 5),), has_output_bias=True)
    return Part(HifiGan(config), "", {})


def n_parameters(network: nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.state_dict().values())


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_shapes_equal_the_official_lists(name: str) -> None:
    assert {key: shape for key, (shape, _) in manifest(name)[1].items()} == TABLES[name]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_t2s(version: str, folder: Path) -> None:
    config, keys = manifest(f"s1_{version}")
    path = write_official(folder / "s1.ckpt", zeros(f"s1_{version}"), config=config)
    network = read_t2s(path).network
    assert n_parameters(network) == sum(torch.Size(shape).numel() for shape, _ in keys.values())
    assert network.config.n_heads == 16


def test_v3_and_v4_have_the_very_same_tensors() -> None:
    assert manifest("s2_v3")[1] == manifest("s2_v4")[1]


@pytest.mark.parametrize("version", [version for version in Version if version is not Version.V4])
def test_decoders(version: Version, folder: Path) -> None:
    config, keys = manifest(f"s2_{version}")
    path = write_official(folder / "s2.pth", zeros(f"s2_{version}"), config={"model": config}, hparams=True)
    with open_checkpoint(path) as checkpoint:
        found = detect(checkpoint)
    assert (found.kind, found.version()) == (Kind.DECODER, version)
    vocoder = stand_in_vocoder() if FACTS[version].flow else None
    network = read_decoder(path, vocoder=vocoder).network
    assert network.config.style_bins == FACTS[version].reference_bins
    assert network.config.token_stride == 2
    if vocoder is None:
        assert network.config.samples_per_token == FACTS[version].samples_per_token
    kept = sum(
        torch.Size(shape).numel()
        for key, (shape, _) in keys.items()
        if not key.startswith(("enc_q.", "linear_mel.")) and not key.endswith(("weight_g", *_STATISTICS))
    )
    assert n_parameters(network) - (n_parameters(vocoder.network) if vocoder else 0) == kept


_STATISTICS = ("_codebook.inited", "_codebook.cluster_size", "_codebook.embed_avg")


@pytest.mark.parametrize("name", ["vocoder_v3", "vocoder_v3_noweightnorm", "vocoder_v4"])
def test_vocoders(name: str, folder: Path) -> None:
    config, _ = manifest(name)
    section = "" if name == "vocoder_v4" else "generator"
    network = read_vocoder(write_official(folder / "v", zeros(name), section=section), config=config).network
    facts = FACTS[Version.V4 if name == "vocoder_v4" else Version.V3]
    assert facts.flow is not None
    assert network.config.hop_length == facts.flow.samples_per_frame


def test_encoders(folder: Path) -> None:
    config, _ = manifest("chinese_hubert_base")
    path = write_official(folder / "pytorch_model.bin", zeros("chinese_hubert_base"), section="")
    assert read_content(path, config=config).network.dim == 768
    path = write_official(folder / "sv.ckpt", zeros("sv_eres2netv2w24s4ep4"), section="")
    assert read_speaker(path).network.dim == OFFICIAL_DECODERS["v2Pro"].speaker_dim
    config, _ = manifest("chinese_roberta_wwm_ext_large")
    path = write_official(folder / "pytorch_model.bin", zeros("chinese_roberta_wwm_ext_large"), section="")
    bert = read_bert(path, config=config).network
    assert bert.dim == OFFICIAL_T2S["v2"].bert_dim
    assert len(bert.model.encoder.layer) == 22
