"""Our own form: one file, nothing lost, and a fingerprint that tells weights rather than files."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from comps.cores.errors import CheckpointError, CorruptCheckpoint, MissingTensors, ModelNotReady
from comps.gptsovits.checkpoints.build import load_model
from comps.gptsovits.checkpoints.configs import from_json
from comps.gptsovits.checkpoints.convert import convert_pair
from comps.gptsovits.checkpoints.own import save_model
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.networks.cfm.decoder import CfmConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig
from comps.gptsovits.versions import Version
from tests.tiny import write_own, write_pair


@pytest.mark.parametrize("version", Version)
def test_a_converted_pair_is_the_same_model(version: Version, tmp_path: Path) -> None:
    pair = write_pair(tmp_path, version, text=False)
    official = pair.load()
    path = tmp_path / "own/model.safetensors"
    assert convert_pair(pair.t2s, pair.decoder, path, assets=pair.root) == official.fingerprint
    own = load_model(path.parent)
    assert own.id == "own"
    assert own.fingerprint == official.fingerprint
    assert own.networks.keys() == official.networks.keys()
    for name, network in official.networks.items():
        theirs, ours = network.state_dict(), own.networks[name].state_dict()
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(theirs[key], ours[key]) for key in theirs)
    for attribute in ("version", "facts", "languages", "sample_rate", "spectrogram", "samples_per_token"):
        assert getattr(own, attribute) == getattr(official, attribute)


def test_the_file_may_be_read_by_whom_other_new_files_may(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    ordinary = (tmp_path / "ordinary").stat().st_mode
    assert write_own(tmp_path).stat().st_mode == ordinary


def test_half_stays_half_in_the_file(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    with open_checkpoint(path) as checkpoint:
        types = {name: info.dtype for name, info in checkpoint.tensors.items()}
    assert types["t2s.head.weight"] == "float16"
    assert types["decoder.vocoder.stages.0.up.weight"] == "float32"  # folded from two halves
    assert types["decoder.vocoder.conv_in.weight"] == "float16"


def test_config_and_provenance_travel_with_the_model(tmp_path: Path) -> None:
    path = write_own(tmp_path, languages=("en",))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.metadata["format"] == "sovits-serve/1"
        provenance = json.loads(checkpoint.metadata["provenance"])
    model = load_model(path)
    assert provenance["converted_from"]["t2s"]["file"] == "tiny.ckpt"
    assert len(provenance["converted_from"]["decoder"]["sha256"]) == 64
    assert provenance["fingerprint"] == model.fingerprint
    assert model.provenance == provenance
    assert model.languages == ("en",)


def test_a_slim_file_finds_the_shared_encoders(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, "v2Pro")
    path = tmp_path / "slim.safetensors"
    fingerprint = convert_pair(pair.t2s, pair.decoder, path, assets=pair.root, self_contained=False)
    model = load_model(path, assets=pair.root)
    assert model.fingerprint == fingerprint
    assert model.languages == ("zh", "en", "ja", "yue", "ko")  # the text encoder is there as well
    with pytest.raises(ModelNotReady, match="content encoder") as raised:
        load_model(path, assets=tmp_path / "elsewhere")
    assert raised.value.missing == "chinese-hubert-base/pytorch_model.bin"


def test_other_weights_have_another_fingerprint(tmp_path: Path) -> None:
    fingerprints = {load_model(write_own(tmp_path / str(seed), seed=seed)).fingerprint for seed in (0, 1)}
    assert len(fingerprints) == 2


def rewritten(path: Path, **changes: Any) -> Path:
    """The file with parts of its config changed; a dotted name reaches inside."""
    with open_checkpoint(path) as checkpoint:
        metadata, config = dict(checkpoint.metadata), checkpoint.config
    for name, value in changes.items():
        *where, last = name.split("__")
        place = config
        for step in where:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    metadata["config"] = json.dumps(config)
    save_file(load_file(path), path, metadata=metadata)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "v7"},
        {"version": None},
        {"t2s": None},
        {"t2s__n_heads": None},
        {"t2s__n_heads": 5},
        {"t2s__n_heads": "2"},
        {"t2s__n_heads": True},
        {"t2s__colour": "red"},
        {"t2s__n_layers": 3},
        {"decoder__prior": [1]},
        {"decoder__vocoder__upsample_rates": [10, 8]},
        {"decoder__vocoder__upsample_rates": [10, 8, 2, 2, "2"]},
        {"decoder__style_hidden": -4},
        {"content__hidden_size": 33},
        {"content__num_hidden_layers": 10**9},
        {"content__conv_dim": [16] * 10_000},
        {"t2s__n_layers": 10**9},
        {"decoder__n_flows": 10**9},
        {"decoder__prior__n_layers": 2 * 10**9},
        {"t2s__dim": 10**12},
        {"content": None},
        {"sample_rate": 0},
        {"sample_rate": "fast"},
    ],
    ids=str,
)
def test_a_config_that_does_not_fit_is_a_typed_error(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        load_model(rewritten(write_own(tmp_path), **changes))


def test_a_config_that_is_no_json_is_a_typed_error(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    save_file(load_file(path), path, metadata={"format": "sovits-serve/1", "config": "{", "provenance": "["})
    with pytest.raises(CorruptCheckpoint):
        load_model(path)


@pytest.mark.parametrize("name", ["t2s.head.weight", "content.encoder.layer_norm.bias"])
def test_our_own_form_is_as_strict_as_the_official_one(name: str, tmp_path: Path) -> None:
    path = write_own(tmp_path)
    with open_checkpoint(path) as checkpoint:
        metadata = checkpoint.metadata
    tensors = load_file(path)
    save_file({**tensors, f"{name}.more": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(MissingTensors, match="more"):
        load_model(path)
    del tensors[name]
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(MissingTensors):
        load_model(path)


def test_a_tensor_of_no_part_is_refused(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    with open_checkpoint(path) as checkpoint:
        metadata = checkpoint.metadata
    save_file({**load_file(path), "optimizer.step": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(CorruptCheckpoint, match="optimizer"):
        load_model(path)


def test_a_failed_save_leaves_what_was_there(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="consists of"):
        save_model(path, parts={"t2s": {}}, config={}, provenance={})
    with pytest.raises(TypeError):
        save_model(path, parts={"t2s": {}, "decoder": {}}, config={"x": object()}, provenance={})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("version", ["v2Pro", "v3", "v4"])
def test_configs_survive_json(version: str, tmp_path: Path) -> None:
    config = write_pair(tmp_path, version, text=False).load().decoder.config
    assert isinstance(config, VitsConfig | CfmConfig)
    assert from_json(type(config), json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_models_move_to_another_precision_whole(tmp_path: Path) -> None:
    model = load_model(write_own(tmp_path), dtype=torch.bfloat16)
    assert model.dtype == torch.bfloat16
    single = load_model(tmp_path / "model.safetensors")
    assert single.n_bytes == pytest.approx(2 * model.n_bytes, rel=0.01)
    assert single.fingerprint == model.fingerprint


def with_an_ear(path: Path, *, sounds: torch.Tensor, classes: torch.Tensor, **config: float) -> Path:
    """The file at `path` with such an ear added."""
    with open_checkpoint(path) as checkpoint:
        metadata = dict(checkpoint.metadata)
    metadata["config"] = json.dumps({**json.loads(metadata["config"]), "ear": config})
    save_file({**load_file(path), "ear.sounds": sounds, "ear.classes": classes}, path, metadata=metadata)
    return path


def test_an_ear_travels_with_its_model(tmp_path: Path) -> None:
    plain = load_model(write_own(tmp_path))
    assert plain.ear is None
    t2s = plain.t2s.config
    sounds = torch.randn(t2s.end_token, 3).half()
    classes = torch.arange(t2s.n_symbols) % 3
    path = with_an_ear(tmp_path / "model.safetensors", sounds=sounds, classes=classes, clear=-0.3)
    ear = load_model(path).ear
    assert ear is not None
    assert ear.clear == -0.3
    best = [int((sounds[:, c] - sounds.max(1).values).argmax()) for c in (1, 2)]
    assert ear.fit(best, [1, 2]) > ear.fit(best[::-1], [1, 2])


def test_an_ear_of_another_model_is_refused(tmp_path: Path) -> None:
    t2s = load_model(write_own(tmp_path)).t2s.config
    sounds, classes = torch.zeros(t2s.end_token, 3), torch.zeros(t2s.n_symbols, dtype=torch.long)
    wrong: list[dict[str, Any]] = [
        {"sounds": sounds[:-1], "classes": classes, "clear": -0.3},
        {"sounds": sounds, "classes": classes[:-1], "clear": -0.3},
        {"sounds": sounds, "classes": classes + 3, "clear": -0.3},
        {"sounds": sounds.fill_(float("nan")), "classes": classes, "clear": -0.3},
        {"sounds": torch.zeros_like(sounds), "classes": classes},
    ]
    for ear in wrong:
        path = with_an_ear(write_own(tmp_path), **ear)
        with pytest.raises(CorruptCheckpoint, match="ear"):
            load_model(path)
