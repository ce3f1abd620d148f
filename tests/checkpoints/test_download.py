"""Downloads end with the right bytes in place or with a reason, whatever the server does."""

import argparse
import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from comps.cores.errors import InvalidOption
from comps.gptsovits.checkpoints.assets import PATHS, Asset, Assets
from comps.gptsovits.checkpoints.catalog import Scanner
from comps.gptsovits.cli import make_parser
from comps.gptsovits.commands import download
from comps.gptsovits.commands.download.fetch import Fetcher
from comps.gptsovits.commands.download.hub import DownloadFailed, Hub, Interrupted, RemoteFacts
from comps.gptsovits.commands.download.manifest import OFFICIAL, RemoteFile, files_for
from comps.gptsovits.text.zh.g2pw import find_model
from comps.gptsovits.versions import Version
from tests.checkpoints.unreliable import Faults, UnreliableHub, running
from tests.tiny import write_assets, write_decoder, write_t2s

FILE = RemoteFile("folder/thing.data", (("someone/something", "folder/thing.data"),))
DATA = bytes(range(256)) * 200


def fetched(
    hub: UnreliableHub, folder: Path, file: RemoteFile = FILE, waits: list[float] | None = None
) -> int:
    """Fetches `file` and returns the progress reported, in bytes."""
    client = Hub(hub.url)
    gained: list[int] = []
    try:
        fetcher = Fetcher(client, folder, sleep=(waits if waits is not None else []).append)
        fetcher.fetch(file, client.facts(file), gained.append)
    finally:
        client.close()
    return sum(gained)


def is_whole(folder: Path) -> bool:
    """The file is there as it should be, and nothing else is."""
    return (folder / FILE.path).read_bytes() == DATA and len(list((folder / "folder").iterdir())) == 1


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(redirects=False),
        Faults(tells_digest=False),
        Faults(tells_size=False),
        Faults(redirects=False, tells_size=False, tells_digest=False),
        Faults(errors_503=3),
        Faults(errors_503=2, retry_after="7"),
        Faults(cuts=20, cut_after=3000),
        Faults(cuts=3, cut_after=0),
        Faults(cuts=3, cut_after=4000, ignores_range=True),
        Faults(cuts=3, cut_after=4000, refuses_range=True),
        Faults(cuts=2, cut_after=4000, wrong_range=1),
        Faults(cuts=2, cut_after=4000, range_without_content_range=1),
        Faults(cuts=2, cut_after=4000, wrong_total=1),
        Faults(too_many_bytes=1),
        Faults(wrong_bytes=1),
        Faults(wrong_total=1),
        Faults(cuts=5, cut_after=7777, errors_503=2, wrong_range=2, wrong_bytes=1),
    ],
    ids=str,
)
def test_what_passes_is_overcome(faults: Faults, tmp_path: Path) -> None:
    with running({FILE.path: DATA}, faults) as hub:
        assert fetched(hub, tmp_path) == len(DATA)  # what is given up is taken back
    assert is_whole(tmp_path)


def test_a_cut_connection_costs_only_what_was_not_received(tmp_path: Path) -> None:
    with running({FILE.path: DATA}, Faults(cuts=10, cut_after=2500)) as hub:
        fetched(hub, tmp_path)
        assert hub.sent_bytes == len(DATA)
    assert is_whole(tmp_path)


def test_a_later_run_goes_on_where_an_earlier_one_stopped(tmp_path: Path) -> None:
    with running({FILE.path: DATA}, Faults(cuts=1, cut_after=40_000)) as hub:
        hub.faults.errors_503 = 0
        client = Hub(hub.url)

        def interrupted(_: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Fetcher(client, tmp_path, sleep=interrupted).fetch(FILE, client.facts(FILE), lambda n: None)
        client.close()
        assert not (tmp_path / FILE.path).exists()
        assert fetched(hub, tmp_path) == len(DATA)
        assert hub.requests[-1][2] == "bytes=40000-"
    assert is_whole(tmp_path)


def test_bytes_of_another_version_of_the_file_are_not_continued(tmp_path: Path) -> None:
    part = tmp_path / "folder/.thing.data.part"
    part.parent.mkdir()
    part.write_bytes(b"old" * 1000)
    part.with_name(".thing.data.part.json").write_text(
        json.dumps({"size": 9, "sha256": "a" * 64, "etag": "x"})
    )
    with running({FILE.path: DATA}) as hub:
        fetched(hub, tmp_path)
        assert hub.requests[-1][2] is None
    assert is_whole(tmp_path)


def test_waits_grow_and_a_servers_wish_is_heard(tmp_path: Path) -> None:
    waits: list[float] = []
    with running({FILE.path: DATA}, Faults(errors_503=4)) as hub:
        fetched(hub, tmp_path, waits=waits)
    assert len(waits) == 4
    assert all(2**i / 2 <= wait <= 2**i for i, wait in enumerate(waits, 1))
    waits.clear()
    with running({FILE.path: DATA}, Faults(errors_503=2, retry_after="7")) as hub:
        fetched(hub, tmp_path / "again", waits=waits)
    assert waits == [7.0, 7.0]


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(errors_503=-1), "503"),
        (Faults(cuts=-1, cut_after=0), "without progress"),
        (Faults(wrong_bytes=-1), "SHA-256"),
        (Faults(wrong_total=-1), "gave up"),
    ],
    ids=str,
)
def test_what_never_passes_ends_with_a_reason_and_no_file(faults: Faults, words: str, tmp_path: Path) -> None:
    with running({FILE.path: DATA}, faults) as hub, pytest.raises(DownloadFailed, match=words):
        fetched(hub, tmp_path)
    assert not (tmp_path / FILE.path).exists()


def test_a_server_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    with running({}) as hub:
        pass
    with pytest.raises(Interrupted, match="cannot be reached"):
        fetched(hub, tmp_path)


def test_two_downloads_of_one_file_do_not_mix(tmp_path: Path) -> None:
    with running({FILE.path: DATA}, Faults(cuts=1, cut_after=10)) as hub:
        client = Hub(hub.url)
        facts = client.facts(FILE)

        def another(_: float) -> None:
            with pytest.raises(DownloadFailed, match="another process"):
                Fetcher(client, tmp_path, sleep=lambda s: None).fetch(FILE, facts, lambda n: None)

        Fetcher(client, tmp_path, sleep=another).fetch(FILE, facts, lambda n: None)
        client.close()
    assert is_whole(tmp_path)


def test_a_second_source_is_asked_where_the_first_has_nothing(tmp_path: Path) -> None:
    file = RemoteFile("x.data", (("a/b", "nothing"), ("c/d", "else.data")))
    with running({"else.data": DATA}) as hub:
        fetched(hub, tmp_path, file)
    assert (tmp_path / "x.data").read_bytes() == DATA


def test_an_encrypted_hub_may_not_send_us_elsewhere_unencrypted() -> None:
    with running({FILE.path: DATA}) as hub:
        client = Hub(hub.url)
        client.base = client.base.replace("http:", "https:")  # as if it had been asked securely
        with pytest.raises(DownloadFailed, match="unencrypted"):
            client._facts(f"{hub.url}/someone/something/resolve/main/{FILE.path}")
        client.close()


def test_a_web_page_instead_of_weights_is_not_kept(tmp_path: Path) -> None:
    file = RemoteFile("s1v3.ckpt", ((("a/b"), "s1v3.ckpt"),))
    faults = Faults(tells_digest=False)
    with (
        running({"s1v3.ckpt": b"<html>sign in</html>"}, faults) as hub,
        pytest.raises(DownloadFailed, match="web page"),
    ):
        fetched(hub, tmp_path, file)
    assert not (tmp_path / "s1v3.ckpt").exists()


def test_damaged_weights_are_noticed_where_the_hub_tells_no_digest(tmp_path: Path) -> None:
    whole = write_t2s(tmp_path / "whole.ckpt").read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    file = RemoteFile("s1v3.ckpt", (("a/b", "s1v3.ckpt"),))
    with (
        running({"s1v3.ckpt": bytes(damaged)}, Faults(tells_digest=False)) as hub,
        pytest.raises(DownloadFailed, match="checksum"),
    ):
        fetched(hub, tmp_path / "models", file)


@pytest.fixture
def official(tmp_path: Path) -> dict[str, bytes]:
    """Everything of v2Pro at its official paths, tiny."""
    root = tmp_path / "hub"
    write_assets(root, "v2Pro")
    (root / "chinese-hubert-base/preprocessor_config.json").write_text("{}")
    write_t2s(root / "s1v3.ckpt")
    write_decoder(root / "v2Pro/s2Gv2Pro.pth", "v2Pro")
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    shutil.rmtree(root)
    return files


def run(hub: UnreliableHub, folder: Path, *options: str) -> int:
    args = make_parser().parse_args(
        ["download", "--folder", str(folder), "--mirror", hub.url, "--version", "v2Pro", *options]
    )
    return download.run(args, sleep=lambda seconds: None)


@pytest.fixture(autouse=True)
def _unofficial_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny file begins otherwise than the official one of its name."""
    tiny = tuple(RemoteFile(f.path, f.sources) for f in OFFICIAL[Version.V2PRO])
    monkeypatch.setitem(OFFICIAL, Version.V2PRO, tiny)


def test_the_command_fetches_a_model_that_the_catalogue_finds_ready(
    official: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    faults = Faults(cuts=2, cut_after=30_000, errors_503=1)
    with running(official, faults) as hub:
        assert run(hub, models) == 0
        entries = Scanner(models).scan()
        assert [(entry.id, entry.is_ready) for entry in entries] == [("v2Pro", True)]
        n_get = hub.n_requests("GET")
        assert run(hub, models, "--verify") == 0  # a second run asks, and fetches nothing
        assert hub.n_requests("GET") == n_get
    assert "verified" in capsys.readouterr().out
    receipts = json.loads((models / ".downloads.json").read_text())
    assert set(receipts) == set(official)


def test_verify_replaces_what_is_damaged(official: dict[str, bytes], tmp_path: Path) -> None:
    models = tmp_path / "models"
    with running(official) as hub:
        assert run(hub, models) == 0
        path = models / "v2Pro/s2Gv2Pro.pth"
        damaged = bytearray(official["v2Pro/s2Gv2Pro.pth"])
        damaged[5000] ^= 1
        path.write_bytes(damaged)
        assert run(hub, models) == 0
        assert path.read_bytes() == damaged  # the size is right: only --verify looks closer
        assert run(hub, models, "--verify") == 0
    assert path.read_bytes() == official["v2Pro/s2Gv2Pro.pth"]


def test_verify_works_without_the_hub_by_what_was_noted(
    official: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    with running(official) as hub:
        assert run(hub, models) == 0
    assert run(hub, models, "--verify") == 0
    (models / "chinese-hubert-base/config.json").write_text("{} ")
    assert run(hub, models, "--verify") == 1
    assert "chinese-hubert-base/config.json" in capsys.readouterr().err


def test_a_dry_run_touches_nothing(
    official: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(official) as hub:
        assert run(hub, tmp_path / "models", "--dry-run") == 0
        assert hub.n_requests("GET") == 0
    assert not (tmp_path / "models").exists()
    printed = capsys.readouterr().out
    assert "missing" in printed
    assert "v2Pro/s2Gv2Pro.pth" in printed
    assert run(hub, tmp_path / "models", "--dry-run") == 0  # and needs no hub to say what is needed


def test_a_file_that_the_hub_lacks_is_told_and_the_others_are_fetched(
    official: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del official["v2Pro/s2Gv2Pro.pth"], official["chinese-hubert-base/preprocessor_config.json"]
    with running(official) as hub:
        assert run(hub, tmp_path, "--no-chinese") == 1
    error = capsys.readouterr().err
    assert "v2Pro/s2Gv2Pro.pth" in error
    assert "preprocessor" not in error  # nobody needs it
    assert (tmp_path / "s1v3.ckpt").is_file()
    assert not (tmp_path / "chinese-roberta-wwm-ext-large").exists()


def test_a_full_disk_is_noticed_before_anything_is_fetched(
    official: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 30, 1 << 30, 300 << 20))
    with running(official) as hub:
        assert run(hub, tmp_path / "models") == 0  # what is needed fits beside what should stay free
        shutil.rmtree(tmp_path / "models")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 30, 1 << 30, 256 << 20))
        with pytest.raises(DownloadFailed, match="are needed"):
            run(hub, tmp_path / "models")
        assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("options", [["--parallel", "0"], ["--version", "v9"], ["--g2pw", "--no-chinese"]])
def test_nonsense_is_refused(options: list[str], tmp_path: Path) -> None:
    args: argparse.Namespace = make_parser().parse_args(["download", "--folder", str(tmp_path), *options])
    with pytest.raises(InvalidOption):
        download.run(args)


def test_a_mirror_is_an_address(tmp_path: Path) -> None:
    args = make_parser().parse_args(["download", "--mirror", "hf-mirror.com"])
    with pytest.raises(InvalidOption):
        download.run(args)


@pytest.mark.parametrize("version", Version)
def test_the_list_of_files_is_what_the_loader_looks_for(version: Version, tmp_path: Path) -> None:
    names = {file.path for file in files_for([version])}
    for path in names:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assets = Assets(tmp_path)
    wanted = [Asset.CONTENT, Asset.TEXT]
    wanted += [Asset.SPEAKER] if "Pro" in version else []
    wanted += {Version.V3: [Asset.VOCODER_V3], Version.V4: [Asset.VOCODER_V4]}.get(version, [])
    assert all(assets.find(asset) for asset in wanted)
    assert PATHS[Asset.SPEAKER][0] in {file.path for file in files_for([Version.V2PRO])}


def test_known_beginnings_are_compared_where_the_hub_tells_no_digest(tmp_path: Path) -> None:
    decoder = next(f for f in OFFICIAL[Version.V4] if f.path.endswith("s2Gv4.pth"))
    assert decoder.head_md5 is not None
    data = write_decoder(tmp_path / "x.pth", "v4").read_bytes()
    with (
        running({decoder.path: data}, Faults(tells_digest=False)) as hub,
        pytest.raises(DownloadFailed, match="does not begin"),
    ):
        fetched(hub, tmp_path / "models", decoder)


def test_facts_know_nothing_that_was_not_said() -> None:
    with running({FILE.path: DATA}, Faults(redirects=False, tells_size=False)) as hub:
        client = Hub(hub.url)
        facts = client.facts(FILE)
        client.close()
    assert facts == RemoteFacts(facts.url, None, None, "tag")


def test_g2pw_comes_on_demand_and_is_found_by_the_reader(official: dict[str, bytes], tmp_path: Path) -> None:
    folder = Path(__file__).parents[1] / "text/zh/G2PWModel"
    official |= {path.name: path.read_bytes() for path in folder.iterdir()}
    with running(official) as hub:
        assert run(hub, tmp_path) == 0
        assert find_model(tmp_path) is None
        assert run(hub, tmp_path, "--g2pw") == 0
    found = find_model(tmp_path)
    assert found == (tmp_path / "G2PWModel", tmp_path / "chinese-roberta-wwm-ext-large")
    assert {path.name for path in found[0].iterdir()} >= {"g2pW.onnx", "POLYPHONIC_CHARS.txt", "config.py"}
