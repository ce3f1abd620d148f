"""Faults of the gateway, a process of its own here; the inference service is in this one, and quick."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.proof import faults
from tests.proof.faults import Scene
from tests.proof.house import Server, gateway_settings, write_audio
from tests.services.clips import served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import inference_app

Begin = Callable[..., Scene]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    with ExitStack() as stack:

        def start(**settings: str) -> Scene:
            inference = stack.enter_context(served(inference_app(tmp_path, FakeEngine())))  # type: ignore[arg-type]
            write_audio(tmp_path / "audio")
            gateway = Server(
                "services.tts.main",
                tmp_path,
                {**gateway_settings(tmp_path, inference), "TTS_LEASE_SECONDS": "1", **settings},
            )
            stack.callback(gateway.stop)
            gateway.start()
            gateway.until_healthy()
            return Scene(gateway, tmp_path / "output")

        yield start


@pytest.mark.parametrize("name", faults.ALONE)
def test_a_gateway_recovers_by_itself_and_loses_no_job(name: str, begin: Begin) -> None:
    faults.ALONE[name](begin())


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_neither_changes_the_audio_nor_stops_the_gateway(begin: Begin, tmp_path: Path) -> None:
    try:
        disk = faults.small_disk(tmp_path / "output")
        disk.__enter__()
    except OSError as error:
        pytest.skip(f"no small disk here: {error}")
    try:
        faults.disk_full(begin())
    finally:
        disk.__exit__(None, None, None)


@pytest.mark.skipif(not faults.FAKETIME.is_file(), reason="Debian's libfaketime is not installed")
def test_a_clock_that_jumps_loses_no_job(begin: Begin, tmp_path: Path) -> None:
    faults.clock_jumps(begin(**faults.odd_clock(tmp_path)))
