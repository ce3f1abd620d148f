"""Official files become networks strictly, whatever notation their weights are in."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, weight_norm

from comps.cores.errors import CheckpointError, MissingTensors, ModelNotReady
from comps.gptsovits.checkpoints.parts import (
    load_bert,
    load_content,
    load_decoder,
    load_speaker,
    load_t2s,
    load_vocoder,
    read_decoder,
)
from comps.gptsovits.checkpoints.weights import Folded, InMemory, fold
from tests.shapes import bigvgan_shapes, decoder_shapes, t2s_shapes
from tests.tiny import (
    VOCODER_V3,
    decoder_hyper,
    decoder_sizes,
    random_tensors,
    t2s_hyper,
    t2s_sizes,
    write_content,
    write_decoder,
    write_legacy,
    write_official,
    write_safetensors,
    write_speaker_encoder,
    write_t2s,
    write_text_encoder,
    write_vocoder,
)


def equal(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def decoder_tensors(version: str = "v2", *, posterior: bool = False) -> dict[str, Tensor]:
    return random_tensors(decoder_shapes(decoder_sizes(version), posterior=posterior))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_folded_weight_norm_is_what_torch_computes(dim: int) -> None:
    conv = nn.Conv1d(6, 8, 5)
    normed = weight_norm(conv, dim=dim)
    normed.weight_g.data += 0.3
    folded = fold(normed.weight_g.data, normed.weight_v.data)
    normed(torch.zeros(1, 6, 9))
    assert torch.allclose(folded, normed.weight, atol=1e-6)


def test_both_notations_of_weight_norm_fold_alike() -> None:
    conv = parametrizations.weight_norm(nn.ConvTranspose1d(4, 3, 5))
    new = conv.state_dict()
    old = {
        "weight_g": new["parametrizations.weight.original0"],
        "weight_v": new["parametrizations.weight.original1"],
        "bias": new["bias"],
    }
    results = [Folded(InMemory(state)).read("weight") for state in (new, old)]
    assert torch.equal(*results)
    assert torch.allclose(results[0], conv.weight, atol=1e-6)
    assert set(Folded(InMemory(old)).shapes) == {"weight", "bias"}


def test_half_precision_is_folded_in_single_precision(tmp_path: Path) -> None:
    tensors = {k: t.half() for k, t in decoder_tensors().items()}
    halves = load_decoder(write_official(tmp_path / "h.pth", tensors, config=decoder_hyper("v2")))
    singles = load_decoder({k: t.float() for k, t in tensors.items()}, config=decoder_hyper("v2"))
    assert equal(halves, singles)
    assert all(t.dtype == torch.float32 for t in halves.state_dict().values() if t.is_floating_point())


@pytest.mark.parametrize("version", ["v1", "v2", "v2Pro", "v2ProPlus"])
def test_the_posterior_encoder_makes_no_difference(version: str, tmp_path: Path) -> None:
    with_it = load_decoder(write_decoder(tmp_path / "a.pth", version, posterior=True))
    without = load_decoder(write_decoder(tmp_path / "b.pth", version, posterior=False))
    assert equal(with_it, without)


def test_name_container_and_form_of_config_make_no_difference(tmp_path: Path) -> None:
    tensors, config = decoder_tensors(), decoder_hyper("v2")
    halves = {k: t.half() for k, t in tensors.items()}
    flat = {**config["data"], **config["model"]}
    variants = [
        write_official(tmp_path / "plain.pth", tensors, config=config),
        write_official(tmp_path / "a model of mine (1).bin", tensors, config=config, hparams=True),
        write_official(tmp_path / "flat.pth", tensors, config=flat),
        write_official(tmp_path / "header.pth", tensors, config=config, header=b"01"),
        write_legacy(tmp_path / "old.pth", {"weight": halves, "config": config}),
        write_safetensors(tmp_path / "bare.safetensors", halves),  # kernels tell the rates
    ]
    decoders = [read_decoder(path) for path in variants]
    assert all(equal(decoders[0].network, other.network) for other in decoders[1:])
    assert len({part.digest for part in decoders}) == 1


def test_the_digest_tells_one_changed_number(tmp_path: Path) -> None:
    tensors = decoder_tensors()
    digest = read_decoder(tensors, config=decoder_hyper("v2")).digest
    assert digest == read_decoder(dict(reversed(tensors.items())), config=decoder_hyper("v2")).digest
    tensors["enc_p.proj.bias"][0] += 1e-3
    assert digest != read_decoder(tensors, config=decoder_hyper("v2")).digest


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("enc_p.encoder2.attn_layers.0.conv_q.weight", "missing: prior.joint_encoder"),
        ("dec.resblocks.3.convs1.1.weight_v", "weight_g"),
        ("ref_enc.slf_attn.w_qs.bias", "missing: style_encoder"),
    ],
)
def test_a_missing_tensor_is_named(name: str, said: str) -> None:
    tensors = decoder_tensors()
    del tensors[name]
    with pytest.raises(MissingTensors, match=said):
        load_decoder(tensors, config=decoder_hyper("v2"))


@pytest.mark.parametrize("name", ["enc_p.extra.weight", "dec.resblocks.0.convs3.0.bias", "surprise"])
def test_a_tensor_too_many_is_named(name: str) -> None:
    with pytest.raises(MissingTensors, match=name):
        load_decoder(decoder_tensors() | {name: torch.zeros(1)}, config=decoder_hyper("v2"))


def test_a_tensor_of_another_shape_is_named() -> None:
    tensors = decoder_tensors() | {"enc_p.mrte.c_post.bias": torch.zeros(17)}
    with pytest.raises(MissingTensors, match=r"c_post.bias is \[17\]"):
        load_decoder(tensors, config=decoder_hyper("v2"))


@pytest.mark.parametrize(
    "change", [{"head": None}, {"head": 5}, {"head": -1}, {"head": "two"}, {"head": 10**9}]
)
def test_a_config_that_makes_no_network_is_a_typed_error(change: dict[str, Any]) -> None:
    tensors = {k.removeprefix("model."): t for k, t in random_tensors(t2s_shapes(t2s_sizes("v2"))).items()}
    config = t2s_hyper("v2")
    config["model"] = {k: v for k, v in (config["model"] | change).items() if v is not None}
    with pytest.raises(CheckpointError):
        load_t2s(tensors, config=config)


@pytest.mark.parametrize(
    "change",
    [
        {"upsample_rates": [10, 8, 2, 2]},
        {"upsample_rates": [100, 8, 2, 2, 2]},
        {"upsample_rates": [9, 8, 2, 2, 2]},
        {"upsample_rates": [10, 8, 2, 2, 0]},
        {"upsample_rates": "10,8,2,2,2"},
        {"resblock_dilation_sizes": [[1, 3, 5]] * 2},
        {"resblock_dilation_sizes": [[1, 3]]},
        {"resblock_dilation_sizes": 3},
    ],
)
def test_an_upsampling_that_does_not_fit_the_kernels_is_a_typed_error(change: dict[str, Any]) -> None:
    config = decoder_hyper("v2")
    config["model"] |= change
    with pytest.raises(CheckpointError):
        load_decoder(decoder_tensors(), config=config)


def test_layers_with_a_gap_are_refused(tmp_path: Path) -> None:
    tensors = random_tensors(t2s_shapes(t2s_sizes("v2")))
    moved = {k.replace("layers.1.", "layers.999999999."): t for k, t in tensors.items()}
    with pytest.raises(MissingTensors):
        load_t2s(write_official(tmp_path / "x.ckpt", moved, config=t2s_hyper("v2")))


def test_every_encoder_and_vocoder_is_read_from_its_official_file(tmp_path: Path) -> None:
    content = load_content(write_content(tmp_path / "content"))
    assert content(torch.randn(1, 3200)).shape == (1, content.dim, 9)
    bert = load_bert(write_text_encoder(tmp_path / "text"))
    assert bert(torch.tensor([[2, 5, 6, 3]])).shape == (1, 4, bert.dim)
    speaker = load_speaker(write_speaker_encoder(tmp_path / "sv.ckpt"))
    assert speaker(torch.randn(1, 120, 80)).shape == (1, speaker.dim)
    for version, hop in (("v3", 256), ("v4", 480)):
        vocoder = load_vocoder(write_vocoder(tmp_path, version))
        assert vocoder(torch.randn(1, 100, 7)).shape == (1, 7 * hop)


def test_a_vocoder_without_weight_norm_is_read_as_well() -> None:
    shapes = bigvgan_shapes(VOCODER_V3["upsample_initial_channel"], blocks=(3,))
    normed = random_tensors(shapes)
    folded = Folded(InMemory(normed))
    plain = {name: folded.read(name) for name in folded.shapes}
    assert equal(load_vocoder(normed, config=VOCODER_V3), load_vocoder(plain, config=VOCODER_V3))


def test_both_notations_of_a_content_encoder_are_read_alike(tmp_path: Path) -> None:
    import json

    folder = write_content(tmp_path / "content")
    config = json.loads((folder / "config.json").read_text())
    new = torch.load(folder / "pytorch_model.bin", weights_only=True)
    old = {
        f"hubert.{name}".replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in new.items()
        if name != "masked_spec_embed"
    }
    ours, theirs = load_content(folder), load_content(old, config=config)
    samples = torch.randn(1, 4000)
    assert torch.equal(ours(samples), theirs(samples))


def test_what_a_decoder_needs_besides_its_file_is_named(tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "x.pth", "v3")
    with pytest.raises(ModelNotReady, match="vocoder"):
        load_decoder(path)
    with pytest.raises(ModelNotReady, match="no weights"):
        load_content(tmp_path)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_t2s_reads_its_sizes_from_the_tensors(version: str, tmp_path: Path) -> None:
    sizes = t2s_sizes(version)
    config = load_t2s(write_t2s(tmp_path / "x.ckpt", version)).config
    assert (config.n_symbols, config.vocab_size, config.dim) == (sizes.n_symbols, sizes.vocab, sizes.dim)
    assert (config.n_layers, config.n_heads, config.ffn_dim) == (sizes.n_layers, sizes.n_heads, sizes.ffn)
