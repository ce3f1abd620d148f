"""The compiled library: built once, found again, made anew when broken, done without where it can't be."""

import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from comps.gptsovits.cli import FAILED, main
from comps.gptsovits.native import build
from comps.gptsovits.native.decoders import DecoderLibrary
from comps.gptsovits.native.library import Kind, Library, open_library
from comps.gptsovits.native.linear import PackedLinear
from comps.gptsovits.native.packing import Packed, together

pytestmark = pytest.mark.skipif(build.find_compiler() is None, reason="there is no C++ compiler")


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    """Compiles without optimising: a few seconds less each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "OPTIONS", tuple(o.replace("-O3", "-O0") for o in build.OPTIONS))
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, hasty: None) -> Path:
    folder = tmp_path_factory.mktemp("built")
    return build.build_library(build.this_level(), folder)


@pytest.fixture
def folder(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a library in it, and no other."""
    (tmp_path / built.name).write_bytes(built.read_bytes())
    monkeypatch.setattr(build, "BUNDLED", tmp_path / "none")
    return tmp_path


def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "COMPILERS", ("no-such-compiler",))


def test_what_was_built_is_found_without_a_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_compiler(monkeypatch)
    assert isinstance(open_library(folder), Library)


def test_without_a_compiler_and_a_library_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_compiler(monkeypatch)
    monkeypatch.setattr(build, "BUNDLED", tmp_path / "none")
    assert open_library(tmp_path) is None
    assert "without its compiled step" in caplog.text


def test_a_library_that_was_cut_short_is_not_loaded_but_built_again(folder: Path, built: Path) -> None:
    whole = built.read_bytes()
    file = folder / built.name
    file.write_bytes(whole[: len(whole) // 2])
    assert build.find_library(build.this_level(), cache=folder) is None
    assert isinstance(open_library(folder), Library)
    assert build.is_whole(file)


def test_a_changed_byte_is_noticed(folder: Path, built: Path) -> None:
    data = bytearray(built.read_bytes())
    data[len(data) // 2] ^= 1
    (folder / built.name).write_bytes(bytes(data))
    assert not build.is_whole(folder / built.name)


def test_an_image_may_bring_its_own(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_compiler(monkeypatch)
    monkeypatch.setattr(build, "BUNDLED", built.parent)
    assert isinstance(open_library(tmp_path / "empty"), Library)


def test_a_cache_that_cannot_be_written_costs_only_the_keeping(
    tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "BUNDLED", tmp_path / "none")
    build_library = build.build_library

    def locked(level: str, folder: Path, part: str) -> Path:
        if folder == tmp_path:
            raise PermissionError("read-only")
        return build_library(level, folder, part)

    monkeypatch.setattr(build, "build_library", locked)
    assert isinstance(open_library(tmp_path), Library)


def test_a_compiler_that_fails_or_takes_too_long_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "BUNDLED", tmp_path / "none")
    script = tmp_path / "compiler"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(build, "COMPILERS", (str(script),))
    cache = tmp_path / "cache"
    assert open_library(cache) is None
    script.write_text("#!/bin/sh\nsleep 5\n")
    monkeypatch.setattr(build, "COMPILE_SECONDS", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        build.build_library(build.this_level(), cache)
    assert list(cache.iterdir()) == []


def test_several_may_build_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(build.build_library, [build.this_level()] * 2, [tmp_path] * 2))
    assert made[0] == made[1]
    assert build.is_whole(made[0])
    assert [file.name for file in tmp_path.iterdir()] == [made[0].name]


def test_the_name_changes_with_the_kind_of_processor_and_with_the_part() -> None:
    names = {build.library_name(level, part) for level in build.LEVELS for part in build.PARTS}
    assert len(names) == len(build.LEVELS) * len(build.PARTS)


def test_a_library_of_one_part_is_none_of_another(built: Path) -> None:
    with pytest.raises(OSError, match="lacks a function"):
        DecoderLibrary(built)


@pytest.mark.parametrize("level", [level for level in build.levels_here() if level != build.this_level()])
def test_lesser_processors_widen_float16_to_the_same_numbers(level: str, tmp_path: Path) -> None:
    """Each in its own way; any of them runs here, unless this is such a processor itself."""
    if list(build.LEVELS).index(level) < list(build.LEVELS).index(build.this_level()):
        pytest.skip("this processor lacks what that one has")
    library = Library(build.build_library(level, tmp_path))
    numbers = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.float16).float()
    numbers = numbers[numbers.isfinite()]
    weight = numbers.view(-1, 64)
    layer = PackedLinear(together([Packed.of(weight, None, Kind.FLOAT16)])[0], library)
    assert torch.equal(layer(torch.eye(64)), weight.T)


def test_the_command_builds_once_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "BUNDLED", tmp_path / "none")
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    assert main(["kernels"]) == 0
    no_compiler(monkeypatch)
    assert main(["kernels"]) == 0
    out = capsys.readouterr().out
    assert all(str(tmp_path / build.library_name(build.this_level(), part)) in out for part in build.PARTS)
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path / "empty")
    assert main(["kernels"]) == FAILED
    assert "no compiler" in capsys.readouterr().err
