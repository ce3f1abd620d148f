"""Files in every container and with every habit of the field, read as they are."""

import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch

from comps.cores.errors import CorruptCheckpoint, FileMissing, UnknownCheckpoint
from comps.gptsovits.checkpoints.reader import Checkpoint, open_checkpoint
from tests.tiny import decoder_hyper, write_legacy, write_official, write_safetensors

TENSORS = {
    "half": torch.randn(3, 4).half(),
    "single": torch.randn(5),
    "brain": torch.randn(2, 2).bfloat16(),
    "whole": torch.arange(6).reshape(2, 3),
    "yes": torch.tensor([True, False]),
    "scalar": torch.tensor(7),
    "empty": torch.empty(0, 3),
}


def check(checkpoint: Checkpoint) -> None:
    assert set(checkpoint.tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert torch.equal(checkpoint.read(name), tensor)
        assert checkpoint.read(name).dtype == tensor.dtype
        assert checkpoint.tensors[name].shape == tuple(tensor.shape)


@pytest.mark.parametrize("section", ["weight", "generator", "state_dict", ""])
def test_every_place_where_tensors_lie_is_found(section: str, tmp_path: Path) -> None:
    path = write_official(tmp_path / "x.pth", TENSORS, half=False, section=section)
    with open_checkpoint(path) as checkpoint:
        check(checkpoint)
        assert checkpoint.section == section


@pytest.mark.parametrize("header", [b"00", b"02", b"05", b"\x00\x00", None])
def test_the_two_bytes_over_the_zip_mark_are_put_back(header: bytes | None, tmp_path: Path) -> None:
    path = write_official(tmp_path / "x.pth", TENSORS, half=False, header=header)
    with open_checkpoint(path) as checkpoint:
        check(checkpoint)
        assert checkpoint.header == header


def test_the_container_of_old_torch_is_read(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "x.pth", {"weight": TENSORS, "config": {"model": {"n": 1}}, "info": "e8"})
    with open_checkpoint(path) as checkpoint:
        check(checkpoint)
        assert checkpoint.config == {"model": {"n": 1}}
        assert checkpoint.extras == {"info": "e8"}


def test_safetensors_are_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    with open_checkpoint(write_safetensors(tmp_path / "x.ckpt", TENSORS)) as checkpoint:
        check(checkpoint)


@pytest.mark.parametrize("hparams", [True, False])
def test_configs_are_read_as_plain_dicts(hparams: bool, tmp_path: Path) -> None:
    config = decoder_hyper("v2")
    path = write_official(
        tmp_path / "x.pth", TENSORS, config=config, hparams=hparams, info="8epoch", lora_rank=32
    )
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.config == config
        assert checkpoint.extras == {"info": "8epoch", "lora_rank": 32}


def test_what_trainers_leave_in_configs_is_harmless(tmp_path: Path) -> None:
    config = {
        "path": PurePosixPath("logs/x"),
        "shape": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "raw": b"bytes",
        "set": {1},
        "none": None,
        "nested": [{"deep": (1, 2.5, True)}],
    }
    path = write_official(tmp_path / "x.pth", TENSORS, config=config)
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.config["nested"] == [{"deep": [1, 2.5, True]}]
        assert checkpoint.config["shape"] == [1, 2]
        assert "path" in checkpoint.config


def test_views_and_shared_storages_are_read_as_what_they_show(tmp_path: Path) -> None:
    base = torch.randn(6, 8)
    tensors = {"base": base, "turned": base.T, "part": base[1:3, 2:5], "tied": base}
    path = tmp_path / "x.pth"
    torch.save({"weight": tensors}, path)
    with open_checkpoint(path) as checkpoint:
        for name, tensor in tensors.items():
            assert torch.equal(checkpoint.read(name), tensor)
            assert checkpoint.read(name).is_contiguous() or name == "turned"


def test_parameters_and_state_dicts_of_modules_are_read(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.BatchNorm1d(3))
    path = tmp_path / "x.pth"
    torch.save({"weight": {**module.state_dict(), "own": torch.nn.Parameter(torch.ones(2))}}, path)
    with open_checkpoint(path) as checkpoint:
        assert torch.equal(checkpoint.read("own"), torch.ones(2))
        assert torch.equal(checkpoint.read("0.weight"), module[0].weight)
    torch.save(module.state_dict(), path)  # an OrderedDict with attributes of its own
    with open_checkpoint(path) as checkpoint:
        assert len(checkpoint.tensors) == 7


def test_a_zip_packed_anew_by_its_owner_is_read(tmp_path: Path) -> None:
    path = write_official(tmp_path / "x.pth", TENSORS, half=False)
    repacked = tmp_path / "y.pth"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(repacked, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    with open_checkpoint(repacked) as checkpoint:
        check(checkpoint)


def test_the_root_of_the_zip_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "1719000000.123"
    torch.save({"weight": TENSORS}, path)  # torch calls the root after the file
    with zipfile.ZipFile(path) as archive:
        assert not archive.namelist()[0].startswith("archive/")
    with open_checkpoint(path) as checkpoint:
        check(checkpoint)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        (b"<!DOCTYPE html><html>Not found</html>", "web page"),
        (bytes(1000), "zeros"),
        (b"RIFF....WAVEfmt ", "neither"),
        (np.random.default_rng(0).bytes(1000), "neither"),
    ],
)
def test_what_is_no_checkpoint_is_told_by_name(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises((CorruptCheckpoint, UnknownCheckpoint), match=words):
        open_checkpoint(path)


@pytest.mark.parametrize("value", [{"weight": {}}, {"a": 1}, [1, 2], "text", torch.zeros(2)])
def test_files_without_named_tensors_are_unknown(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(value, path)
    with pytest.raises(UnknownCheckpoint):
        open_checkpoint(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        open_checkpoint(tmp_path / "nothing.pth")
    with pytest.raises(FileMissing):
        open_checkpoint(tmp_path)
