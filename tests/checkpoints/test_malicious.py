"""Whatever a file says, reading it executes nothing, ends soon and stays small."""

import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from comps.cores.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from comps.gptsovits.checkpoints.parts import load_decoder
from comps.gptsovits.checkpoints.reader import open_checkpoint
from tests.checkpoints.malice import Calling, bomb, bounded, one_tensor, pickled, torch_zip
from tests.tiny import write_decoder


def read_everything(path: Path) -> None:
    with open_checkpoint(path) as checkpoint:
        for name in checkpoint.tensors:
            checkpoint.read(name)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def payloads(marker: Path) -> dict[str, Any]:
    touch = f"open({str(marker)!r}, 'w')"
    return {
        "os.system": Calling(os.system, f"touch {marker}"),
        "builtins.eval": Calling(eval, touch),
        "builtins.exec": Calling(exec, touch),
        "open": Calling(open, str(marker), "w"),
        "getattr": Calling(getattr, "", "upper"),
        "nested reduce": Calling(list, Calling(map, eval, [touch])),
        "torch.load": Calling(torch.load, str(marker)),
        "torch's nested loading": Calling(torch.storage._load_from_bytes, b"..."),
        "state of a call": Calling(dict, state=Calling(os.system, f"touch {marker}")),
        "inside the weights": {"weight": {"w": Calling(os.system, f"touch {marker}")}, "config": {}},
        "inside the config": {"weight": {}, "config": {"model": [Calling(os.system, f"touch {marker}")]}},
    }


@pytest.mark.parametrize("kind", payloads(Path("x")))
@pytest.mark.parametrize("container", ["zip", "legacy", "header"])
def test_a_pickle_that_calls_code_is_refused_and_nothing_happens(
    kind: str, container: str, tmp_path: Path, marker: Path
) -> None:
    payload = payloads(marker)[kind]
    path = tmp_path / "evil.pth"
    if container == "legacy":
        torch.save(payload, path, _use_new_zipfile_serialization=False)
    else:
        torch_zip(path, pickled(payload))
        if container == "header":
            path.write_bytes(b"05" + path.read_bytes()[2:])
    with bounded(), pytest.raises(UnsafeCheckpoint):
        read_everything(path)
    assert not marker.exists()


class Stateful:
    def __setstate__(self, state: Any) -> None:
        Path(state).touch()

    def __getstate__(self) -> Any:
        return getattr(self, "path", "x")


def test_setstate_is_never_called(tmp_path: Path, marker: Path) -> None:
    value = Stateful()
    value.path = str(marker)  # type: ignore[attr-defined]
    path = torch_zip(tmp_path / "evil.pth", pickled({"weight": {}, "config": value}))
    with pytest.raises(UnsafeCheckpoint):
        read_everything(path)
    assert not marker.exists()


def test_what_looks_like_hparams_gets_attributes_and_no_methods(tmp_path: Path) -> None:
    # HParams is accepted from any module; whatever its pickled state, it is only ever a dictionary.
    data = (
        b"\x80\x02}(X\x06\x00\x00\x00weight"
        + one_tensor((1,), (1,), numel=1)[14:-2]
        + b"X\x06\x00\x00\x00config"
        b"cposix\nHParams\n)\x81}X\x0c\x00\x00\x00__setstate__X\x01\x00\x00\x00xsbu."
    )
    path = torch_zip(tmp_path / "odd.pth", data, {"0": bytes(4)})
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.config == {"__setstate__": "x"}


def test_setting_attributes_of_a_function_is_refused(tmp_path: Path) -> None:
    data = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00xK\x01sb."
    with pytest.raises(UnsafeCheckpoint):
        read_everything(torch_zip(tmp_path / "evil.pth", data))


@pytest.mark.parametrize("opcode", [b"\x82\x01", b"(ios\nsystem\n", b"(cos\nsystem\no", b"\x97"])
def test_rare_ways_of_making_objects_are_refused(opcode: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        read_everything(torch_zip(tmp_path / "evil.pth", b"\x80\x02" + opcode + b"."))


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/passwd", "archive/../../x", "c:/x", "a\\..\\b"])
def test_a_zip_with_names_that_lead_outside_is_refused(name: str, tmp_path: Path) -> None:
    path = torch_zip(
        tmp_path / "evil.pth", one_tensor((1,), (1,), numel=1), {"0": bytes(4)}, names={name: b"x"}
    )
    with pytest.raises(UnsafeCheckpoint):
        read_everything(path)


def test_a_billion_zeros_deflated_are_not_inflated(tmp_path: Path) -> None:
    data = one_tensor((1 << 28,), (1,), numel=1 << 28)
    path = bomb(tmp_path / "bomb.pth", "archive/data/0", 1024, {"archive/data.pkl": data})
    assert path.stat().st_size < 2 << 20
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("archive/data/0").file_size == 1 << 30
    with bounded(), pytest.raises(UnsafeCheckpoint):
        read_everything(path)


def test_a_pickle_that_swells_is_not_inflated(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.pth", "archive/data.pkl", 512, {})
    with bounded(), pytest.raises(UnsafeCheckpoint):
        read_everything(path)


@pytest.mark.parametrize(
    ("shape", "stride", "numel", "offset"),
    [
        ((1_000_000_000,), (0,), 1, 0),  # one value, shown a billion times
        ((1_000_000_000,), (1,), 1_000_000_000, 0),  # a storage larger than the file
        ((2**40, 2**40), (1, 1), 4, 0),
        ((4,), (1,), 4, 1),  # reaches beyond its storage
        ((2, 2), (1000, 1), 4, 0),
        ((-1, 4), (1, 1), 4, 0),
        ((4,), (-1,), 4, 3),
        ((4,), (1,), 2**61, 0),
    ],
)
def test_tensors_that_claim_more_than_there_is_are_refused(
    shape: tuple[int, ...], stride: tuple[int, ...], numel: int, offset: int, tmp_path: Path
) -> None:
    data = one_tensor(shape, stride, numel=numel, offset=offset)
    path = torch_zip(tmp_path / "bomb.pth", data, {"0": bytes(16)})
    with bounded(), pytest.raises(CorruptCheckpoint):
        read_everything(path)


def test_the_same_numbers_under_a_hundred_names_are_refused(tmp_path: Path) -> None:
    data = one_tensor((1 << 18,), (1,), numel=1 << 18, times=100)
    path = torch_zip(tmp_path / "bomb.pth", data, {"0": bytes(1 << 20)})
    with bounded(), pytest.raises(UnsafeCheckpoint):
        read_everything(path)


def test_a_billion_laughs_in_the_config_end_soon(tmp_path: Path) -> None:
    laughs: list[Any] = ["ha"]
    for _ in range(60):
        laughs = [laughs, laughs]  # pickled once, shown twice: 2^60 leaves
    path = tmp_path / "laughs.pth"
    torch.save({"weight": {"w": torch.zeros(1)}, "config": {"laughs": laughs}}, path)
    with bounded(), pytest.raises(CorruptCheckpoint, match="too large"):
        read_everything(path)


def test_a_config_that_holds_itself_ends_soon(tmp_path: Path) -> None:
    config: dict[str, Any] = {}
    config["self"] = config
    path = tmp_path / "self.pth"
    torch.save({"weight": {"w": torch.zeros(1)}, "config": config}, path)
    with bounded(), pytest.raises(CorruptCheckpoint):
        read_everything(path)


def test_copying_a_long_list_over_and_over_is_refused(tmp_path: Path) -> None:
    copying = b"ctorch\nSize\n(h\x00tR" * 50_000
    body = b"\x80\x02](" + b"K\x01" * 100_000 + b"eq\x00" + copying + b"."
    with bounded(), pytest.raises(UnsafeCheckpoint):
        read_everything(torch_zip(tmp_path / "copies.pth", body))


@pytest.mark.parametrize(
    "body",
    [
        b"r\xff\xff\xff\xff",  # a memo of four thousand million places
        b"\x8e" + struct.pack("<Q", 2**60),  # bytes that are not there
        b"X\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\x7f",
        b"(" * 20_000,
        b"2" * 20_000,
        b"0" * 10,
        b"R" * 10,
        b"s",
        b"a",
        b"K\x01Q",
        b"L" + b"9" * 20_000 + b"L\n",
    ],
)
def test_pickles_of_nonsense_are_refused_cheaply(body: bytes, tmp_path: Path) -> None:
    with bounded(), pytest.raises(CheckpointError):
        read_everything(torch_zip(tmp_path / "odd.pth", b"\x80\x02K\x01" + body + b"."))


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write_decoder(tmp_path / "whole.pth", header=b"01").read_bytes()
    cut = tmp_path / "cut.pth"
    marks = {0, 1, 2, 3, 4, 29, 30, 31, 64, 100, 1000, len(whole) // 3, len(whole) // 2}
    marks |= {len(whole) - n for n in (1, 2, 21, 22, 23, 60, 100, 1000, 30_000)}
    for length in sorted(marks):
        cut.write_bytes(whole[:length])
        with bounded(), pytest.raises(CheckpointError):
            read_everything(cut)


@pytest.mark.parametrize("container", ["legacy", "safetensors"])
def test_other_containers_cut_off_anywhere_are_refused(container: str, tmp_path: Path) -> None:
    path = tmp_path / "whole"
    tensors = {f"w{i}": torch.randn(100, 10) for i in range(5)}
    if container == "legacy":
        torch.save({"weight": tensors}, path, _use_new_zipfile_serialization=False)
    else:
        from safetensors.torch import save_file

        save_file(tensors, path)
    whole = path.read_bytes()
    read_everything(path)
    for length in [0, 5, 8, 20, 40, 80, 200, len(whole) // 2, len(whole) - 1000, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with bounded(), pytest.raises(CheckpointError):
            read_everything(path)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "whole.pth")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptCheckpoint):
        load_decoder(path)


def test_random_damage_is_always_a_typed_error(tmp_path: Path) -> None:
    path = write_decoder(tmp_path / "whole.pth")
    whole = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        data = bytearray(whole)
        for place in torch.randint(0, len(data), (20,), generator=generator).tolist():
            data[place] ^= 1 + place % 255
        path.write_bytes(data)
        # Not every flipped bit need be noticed (a name in the zip's directory), but none may surprise.
        try:
            load_decoder(path)
        except CheckpointError:
            continue


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    path = torch_zip(
        tmp_path / "overlap.pth", one_tensor((4,), (1,), numel=4), {"0": bytes(16), "1": bytes(16)}
    )
    data = bytearray(path.read_bytes())
    # The directory's record of the second storage is made to point at the first.
    first = data.rindex(b"archive/data/0") - 46
    second = data.rindex(b"archive/data/1") - 46
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint):
        read_everything(path)


def test_a_bare_pickle_is_not_opened(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "bare.pth"
    path.write_bytes(pickle.dumps(Calling(os.system, f"touch {marker}")))
    with pytest.raises(CheckpointError):
        read_everything(path)
    assert not marker.exists()
