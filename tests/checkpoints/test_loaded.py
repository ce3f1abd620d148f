"""Several models at a time: loaded once, shared parts shared, the least used let go."""

import gc
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from comps.cores.errors import CheckpointError, ModelNotFound, ModelNotReady
from comps.gptsovits.checkpoints import loaded
from comps.gptsovits.checkpoints.loaded import Models
from comps.gptsovits.model import Model
from tests.tiny import write_assets, write_decoder, write_t2s


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three v2 models with shared encoders."""
    write_assets(tmp_path, "v2")
    for seed, name in enumerate(("alice", "bob", "carol")):
        write_t2s(tmp_path / name / "a.ckpt", seed=seed)
        write_decoder(tmp_path / name / "a.pth", seed=seed)
    return tmp_path


def slowed(monkeypatch: pytest.MonkeyPatch, before: Callable[[str], None]) -> list[str]:
    """Notes each loading, and calls `before` first."""
    real, names = loaded.load_pair, []

    def load(*args: Any, **options: Any) -> Model:
        names.append(options["model_id"])
        before(options["model_id"])
        return real(*args, **options)

    monkeypatch.setattr(loaded, "load_pair", load)
    return names


def test_a_model_is_loaded_when_asked_for_and_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = slowed(monkeypatch, lambda name: None)
    models = Models(root, default="bob")
    assert models.loaded_ids() == []
    assert models.get().id == "bob"
    assert models.get("bob") is models.get(None)
    assert models.get("alice").id == "alice"
    assert names == ["bob", "alice"]


def test_without_a_default_the_first_that_is_ready_is_it(root: Path) -> None:
    (root / "alice/a.ckpt").unlink()
    (root / "alice/a.pth").write_bytes(b"broken")
    assert Models(root).get().id == "bob"


def test_models_share_their_encoders(root: Path) -> None:
    models = Models(root)
    one, other = models.get("alice"), models.get("bob")
    assert one.content is other.content
    assert one.bert is other.bert
    assert one.decoder is not other.decoder
    assert models.n_bytes < one.n_bytes + other.n_bytes
    assert one.fingerprint != other.fingerprint


def test_encoders_are_freed_with_their_last_model(root: Path) -> None:
    models = Models(root)
    models.get("alice")
    models.drop("alice")
    gc.collect()
    assert all(kept.network() is None for kept in models._shared._kept.values())


def test_callers_of_one_model_wait_for_one_loading(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = slowed(monkeypatch, lambda name: time.sleep(0.05))
    models = Models(root)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: models.get("alice"), range(8)))
    assert names == ["alice"]
    assert all(model is found[0] for model in found)


def test_loading_one_model_does_not_stop_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()
    models = Models(root)
    models.get("alice")
    slowed(monkeypatch, lambda name: may_go_on.wait(10) and None)
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(models.get, "bob")
        assert models.get("alice").id == "alice"  # while bob is under way
        assert not loading.done()
        may_go_on.set()
        assert loading.result().id == "bob"


def test_the_least_used_goes_when_memory_is_short(root: Path) -> None:
    size = Models(root).get("alice").n_bytes
    gone: list[str] = []
    models = Models(root, max_bytes=int(size * 1.9), dropped=lambda model: gone.append(model.id))
    alice = models.get("alice")
    models.get("bob")
    models.get("alice")  # used again, so bob is the one to go
    models.get("carol")
    assert gone == ["bob"]
    assert set(models.loaded_ids()) == {"alice", "carol"}
    assert models.get("alice") is alice
    assert models.n_bytes <= size * 1.9


def test_one_model_is_held_however_small_the_limit(root: Path) -> None:
    models = Models(root, max_bytes=1)
    models.get("alice")
    models.get("bob")
    assert models.loaded_ids() == ["bob"]


def test_a_model_that_was_loaded_elsewhere_may_be_the_first_and_stays(root: Path) -> None:
    first = Models(root).get("alice")
    models = Models(root, first=first, max_bytes=1)
    assert models.get() is models.get("alice") is first
    models.get("bob")
    models.get("carol")
    assert models.loaded_ids() == ["alice", "carol"]
    with pytest.raises(ModelNotFound):
        models.get("dave")


def test_an_overwritten_model_is_loaded_anew(root: Path) -> None:
    models = Models(root)
    before = models.get("alice").fingerprint
    write_decoder(root / "alice/a.pth", seed=9)
    os.utime(root / "alice/a.pth", ns=(5, 5))
    assert models.get("alice").fingerprint != before


def test_a_model_put_in_later_is_found(root: Path) -> None:
    models = Models(root)
    with pytest.raises(ModelNotFound, match=r"alice, bob, carol"):
        models.get("dave")
    shutil.copytree(root / "alice", root / "dave")
    assert models.get("dave").id == "dave"


def test_what_cannot_be_loaded_says_why_and_may_be_mended(root: Path) -> None:
    models = Models(root)
    shutil.move(root / "chinese-hubert-base", root / "away")
    with pytest.raises(ModelNotReady) as raised:
        models.get("alice")
    assert raised.value.missing == "chinese-hubert-base/pytorch_model.bin"
    shutil.move(root / "away", root / "chinese-hubert-base")
    assert models.get("alice").id == "alice"


def test_a_default_that_is_not_there_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotReady) as raised:
        Models(root, default="starter").get()
    assert raised.value.missing is not None
    assert raised.value.missing.endswith("starter")
    with pytest.raises(ModelNotReady):
        Models(tmp_path / "empty").get()


def test_a_failed_loading_is_every_waiting_callers_error_and_is_tried_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray((root / "alice/a.pth").read_bytes())
    data[len(data) // 2] ^= 1
    (root / "alice/a.pth").write_bytes(data)
    models = Models(root)
    slowed(monkeypatch, lambda name: time.sleep(0.05))
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(models.get, "alice") for _ in range(3)]
        for future in futures:
            with pytest.raises(CheckpointError):
                future.result()
    write_decoder(root / "alice/a.pth")
    assert models.get("alice").id == "alice"
