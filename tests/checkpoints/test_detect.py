"""A file says what it is, by header, release, config or tensors; never by its size."""

from pathlib import Path
from typing import Any

import pytest

from comps.cores.errors import AmbiguousCheckpoint, UnknownCheckpoint
from comps.gptsovits.checkpoints import detect as detection
from comps.gptsovits.checkpoints.detect import Detected, Kind, detect
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.versions import Version
from tests.shapes import decoder_shapes
from tests.tiny import (
    decoder_hyper,
    decoder_sizes,
    random_tensors,
    write_content,
    write_decoder,
    write_official,
    write_own,
    write_speaker_encoder,
    write_t2s,
    write_text_encoder,
    write_vocoder,
)


def of(path: Path) -> Detected:
    with open_checkpoint(path) as checkpoint:
        return detect(checkpoint)


def without_version(version: str) -> dict[str, Any]:
    config = decoder_hyper(version)
    del config["model"]["version"]
    return config


@pytest.mark.parametrize("version", Version)
def test_a_fine_tuned_decoder_tells_its_version(version: Version, tmp_path: Path) -> None:
    found = of(write_decoder(tmp_path / "x.pth", version))
    assert (found.kind, found.version()) == (Kind.DECODER, version)


@pytest.mark.parametrize(
    ("version", "header"), [("v3", b"02"), ("v2Pro", b"05"), ("v2ProPlus", b"06"), ("v1", b"00")]
)
def test_the_header_tells_where_the_config_does_not(version: str, header: bytes, tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "x.pth", version, config=without_version(version), header=header)
    assert of(path).version() == version


def test_v1_and_v2_are_told_by_their_symbols_whatever_else_says(tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "x.pth", "v1", config=decoder_hyper("v2"), header=b"01")
    assert of(path).version() == Version.V1


def test_a_file_that_may_be_v3_or_v4_asks(tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "x.pth", "v4", config=without_version("v4"))
    found = of(path)
    assert found.candidates == (Version.V3, Version.V4)
    with pytest.raises(AmbiguousCheckpoint, match="v3 or v4"):
        found.version(name=path.name)
    assert found.version(Version.V4) == Version.V4
    with pytest.raises(UnknownCheckpoint):
        found.version(Version.V2)


def test_size_tells_nothing(tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "x.pth", "v4", config=without_version("v4"))
    with path.open("ab") as file:  # a zip may be followed by a comment's worth of anything
        file.truncate(path.stat().st_size)
    assert len(of(path).candidates) == 2


def test_a_known_release_is_recognised_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_decoder(tmp_path / "x.pth", "v4", config=without_version("v4"))
    with open_checkpoint(path) as checkpoint:
        digest = detection._digest_of_start(checkpoint)
    monkeypatch.setitem(detection.RELEASES, digest, ("s2Gv4.pth", Version.V4))
    assert of(path).version() == Version.V4
    assert "s2Gv4" in of(path).evidence


def test_a_header_that_contradicts_the_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match="header says v3"):
        of(write_decoder(tmp_path / "x.pth", "v2", header=b"02"))


def test_pro_and_plus_are_told_apart_without_header_or_config(tmp_path: Path) -> None:
    for version in ("v2Pro", "v2ProPlus"):
        path = write_decoder(tmp_path / version, version, config=without_version(version), header=None)
        assert of(path).version() == version


@pytest.mark.parametrize(("version", "expected"), [("v1", 1), ("v2", 5)])
def test_a_t2s_serves_every_version_of_its_symbols(version: str, expected: int, tmp_path: Path) -> None:
    found = of(write_t2s(tmp_path / "x.ckpt", version))
    assert found.kind is Kind.T2S
    assert len(found.candidates) == expected


def test_encoders_vocoders_and_our_own_form_are_known(tmp_path: Path) -> None:
    assert of(write_content(tmp_path / "c") / "pytorch_model.bin").kind is Kind.CONTENT
    assert of(write_text_encoder(tmp_path / "t") / "pytorch_model.bin").kind is Kind.TEXT
    assert of(write_speaker_encoder(tmp_path / "s.ckpt")).kind is Kind.SPEAKER
    assert of(write_vocoder(tmp_path, "v3")).version() == Version.V3
    assert of(write_vocoder(tmp_path, "v4")).version() == Version.V4
    own = of(write_own(tmp_path / "own", "v2Pro"))
    assert (own.kind, own.version()) == (Kind.MODEL, Version.V2PRO)


def test_what_only_training_needs_is_named(tmp_path: Path) -> None:
    tensors = random_tensors({"discriminators.0.convs.0.weight_g": (1,)})
    with pytest.raises(UnknownCheckpoint, match="discriminator"):
        of(write_official(tmp_path / "D.pth", tensors))


def test_tensors_of_no_known_network_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match="no kind known"):
        of(write_official(tmp_path / "x.pth", random_tensors({"unet.weight": (2, 2)})))


def test_a_trainers_own_checkpoint_of_a_decoder_is_one(tmp_path: Path) -> None:
    tensors = random_tensors(decoder_shapes(decoder_sizes("v2")))
    found = of(write_official(tmp_path / "G_100.pth", tensors, section="model", iteration=100))
    assert (found.kind, found.version()) == (Kind.DECODER, Version.V2)
