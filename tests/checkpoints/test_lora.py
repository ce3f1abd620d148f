"""LoRA files of v3 and v4: the official decoder with low-rank products added."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from comps.cores.errors import MissingTensors, ModelNotReady
from comps.gptsovits.checkpoints.assets import PATHS, Asset
from comps.gptsovits.checkpoints.build import load_pair
from comps.gptsovits.checkpoints.parts import load_decoder
from comps.gptsovits.versions import Version
from tests.shapes import decoder_shapes
from tests.tiny import (
    decoder_hyper,
    decoder_sizes,
    random_tensors,
    write_assets,
    write_decoder,
    write_official,
    write_t2s,
    write_vocoder,
)

RANK = 4
WRAPPED = "cfm.base_model.model.estimator.transformer_blocks"
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


def lora_tensors(version: str) -> dict[str, Tensor]:
    """As training leaves them: no frozen parameter of the flow, all buffers, everything around the flow."""
    sizes = decoder_sizes(version)
    own = {k: v for k, v in decoder_shapes(sizes).items() if not k.startswith("cfm.")}
    assert sizes.cfm is not None
    dim = sizes.cfm.dim
    shapes = own | {"cfm.base_model.model.estimator.rotary_embed.inv_freq": (sizes.cfm.head_dim // 2,)}
    for i in range(sizes.cfm.depth):
        for target in TARGETS:
            shapes[f"{WRAPPED}.{i}.attn.{target}.lora_A.default.weight"] = (RANK, dim)
            shapes[f"{WRAPPED}.{i}.attn.{target}.lora_B.default.weight"] = (dim, RANK)
    return random_tensors(shapes, seed=7)


def write_lora(path: Path, version: str, tensors: dict[str, Tensor] | None = None) -> Path:
    return write_official(
        path,
        tensors or lora_tensors(version),
        config=decoder_hyper(version),
        hparams=True,
        header={"v3": b"03", "v4": b"04"}[version],
        lora_rank=RANK,
        info="2epoch_124iteration",
    )


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_lora_adds_its_products_to_the_base_and_keeps_its_own_tensors(version: str, tmp_path: Path) -> None:
    base_path = write_decoder(tmp_path / "base.pth", version)
    vocoder = write_vocoder(tmp_path, version)
    tensors = lora_tensors(version)
    path = write_lora(tmp_path / "alice.pth", version, tensors)
    base = load_decoder(base_path, Version(version), vocoder=vocoder)
    merged = load_decoder(path, vocoder=vocoder, base=base_path)
    halves = {name: tensor.half().float() for name, tensor in tensors.items()}
    at = f"{WRAPPED}.1.attn.to_q.lora"
    change = halves[f"{at}_B.default.weight"] @ halves[f"{at}_A.default.weight"]
    names = merged.state_dict(), base.state_dict()
    changed, before = (state["dit.blocks.1.query.weight"] for state in names)
    assert torch.allclose(changed, before + change, atol=1e-6)
    for untouched in ("dit.blocks.1.query.bias", "dit.blocks.0.expand.weight", "vocoder.conv_in.weight"):
        assert torch.equal(*(state[untouched] for state in names))
    assert torch.equal(names[0]["prior.text_embedding.weight"], halves["enc_p.text_embedding.weight"])


def test_a_lora_is_found_its_official_base(tmp_path: Path) -> None:
    write_assets(tmp_path, "v4", text=False)
    t2s, lora = write_t2s(tmp_path / "s1v3.ckpt"), write_lora(tmp_path / "alice.pth", "v4")
    with pytest.raises(ModelNotReady, match="official decoder") as raised:
        load_pair(t2s, lora, assets=tmp_path)
    assert raised.value.missing == PATHS[Asset.BASE_V4][0]
    write_decoder(tmp_path / PATHS[Asset.BASE_V4][0], "v4")
    model = load_pair(t2s, lora, assets=tmp_path)
    assert (model.version, model.sample_rate) == (Version.V4, 48_000)


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    tensors = lora_tensors("v3")
    del tensors[f"{WRAPPED}.0.attn.to_k.lora_B.default.weight"]
    path = write_lora(tmp_path / "x.pth", "v3", tensors)
    base = write_decoder(tmp_path / "base.pth", "v3")
    with pytest.raises(MissingTensors, match="one half"):
        load_decoder(path, vocoder=write_vocoder(tmp_path, "v3"), base=base)


def test_a_lora_of_another_width_is_refused(tmp_path: Path) -> None:
    tensors = lora_tensors("v3")
    tensors[f"{WRAPPED}.0.attn.to_k.lora_A.default.weight"] = torch.zeros(RANK, 8)
    path = write_lora(tmp_path / "x.pth", "v3", tensors)
    base = write_decoder(tmp_path / "base.pth", "v3")
    with pytest.raises(MissingTensors, match="does not fit"):
        load_decoder(path, vocoder=write_vocoder(tmp_path, "v3"), base=base)
