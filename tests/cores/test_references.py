import base64
import os
from pathlib import Path

import pytest

from comps.cores.audio.references import AudioRoot, read_regular
from comps.cores.errors import (
    BodyTooLarge,
    FileMissing,
    InvalidAudio,
    InvalidOption,
    PathOutsideRoot,
    SovitsError,
    UrlRefused,
)


@pytest.fixture
def root(tmp_path: Path) -> AudioRoot:
    folder = tmp_path / "clips"
    (folder / "sub").mkdir(parents=True)
    (folder / "reference.wav").write_bytes(b"clip")
    (folder / "sub" / "声.wav").write_bytes(b"other")
    (tmp_path / "secret.wav").write_bytes(b"secret")
    return AudioRoot(folder)


@pytest.mark.parametrize(
    "name",
    [
        "reference.wav",
        "./reference.wav",
        "audio/reference.wav",
        "/app/audio/reference.wav",
        "sub/../reference.wav",
    ],
)
def test_one_file_has_several_names(root: AudioRoot, name: str) -> None:
    assert root.read(name) == b"clip"


def test_the_roots_own_absolute_path_is_understood(root: AudioRoot) -> None:
    assert root.read(str(root.path / "sub" / "声.wav")) == b"other"


def test_a_folder_called_audio_inside_the_root_is_itself(root: AudioRoot) -> None:
    (root.path / "audio").mkdir()
    (root.path / "audio" / "x.wav").write_bytes(b"inner")
    assert root.read("audio/x.wav") == b"inner"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("../secret.wav", PathOutsideRoot),
        ("sub/../../secret.wav", PathOutsideRoot),
        ("/etc/passwd", PathOutsideRoot),
        ("/app/audio/../secret.wav", PathOutsideRoot),
        ("..\\secret.wav", PathOutsideRoot),
        ("nowhere.wav", FileMissing),
        ("sub", FileMissing),
        ("x" * 5_000, FileMissing),
        ("a\0b", InvalidOption),
        ("  ", InvalidOption),
        ("http://example.org/a.wav", UrlRefused),
        ("HTTPS://example.org/a.wav", UrlRefused),
        ("file:///etc/passwd", InvalidOption),
        ("data:audio/wav;base64,@@@", InvalidAudio),
        ("data:nothing", InvalidOption),
    ],
)
def test_other_names_are_refused_each_for_its_reason(
    root: AudioRoot, name: str, error: type[SovitsError]
) -> None:
    with pytest.raises(error) as caught:
        root.read(name)
    assert "secret" not in str(caught.value) or "secret" in name


def test_a_link_does_not_lead_out(root: AudioRoot) -> None:
    os.symlink(root.path.parent / "secret.wav", root.path / "link.wav")
    with pytest.raises(PathOutsideRoot):
        root.read("link.wav")


def test_a_link_in_a_circle_is_no_file(root: AudioRoot) -> None:
    os.symlink(root.path / "b.wav", root.path / "a.wav")
    os.symlink(root.path / "a.wav", root.path / "b.wav")
    with pytest.raises(FileMissing):
        root.read("a.wav")


def test_a_pipe_is_no_file_and_nobody_waits_for_it(root: AudioRoot) -> None:
    os.mkfifo(root.path / "pipe.wav")
    with pytest.raises(FileMissing):
        root.read("pipe.wav")
    with pytest.raises(FileMissing):  # nor if it became one after it was found
        read_regular(root.path / "pipe.wav", 10)


def test_a_link_put_in_place_of_a_file_that_was_found_is_not_followed(root: AudioRoot) -> None:
    found = root.locate("reference.wav")
    found.unlink()
    found.symlink_to(root.path.parent / "secret.wav")
    with pytest.raises(FileMissing):
        read_regular(found, 100)


def test_a_data_uri_carries_its_own_bytes(root: AudioRoot) -> None:
    assert root.read("data:audio/wav;base64," + base64.b64encode(b"inline").decode()) == b"inline"


def test_a_file_larger_than_allowed_is_not_read(root: AudioRoot) -> None:
    with pytest.raises(BodyTooLarge):
        AudioRoot(root.path, max_bytes=3).read("reference.wav")
