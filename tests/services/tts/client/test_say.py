"""`tts say`, as one types it, against a real gateway."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import httpx
import pytest
import soundfile

from services.tts.client import cli
from tests.services.clips import OTHER_CLIP
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = (sys.executable, "-m", "services.tts.client.cli")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: httpx.Client) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SOVITS_URL", str(client.base_url))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def test_a_text_becomes_a_file(here: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["say", "One. Two.", "--voice", "alto", "--seed", "5"]) == 0
    info = soundfile.info(here / "spoken.wav")
    assert (info.frames, info.samplerate) == (24_000, 24_000)
    assert engine.requests[0].options.seed == 5
    assert capsys.readouterr().err == "spoken.wav: 1.0 s of audio\n"  # no bar where there is no terminal


@pytest.mark.parametrize(("ending", "kind"), [("mp3", "MP3"), ("flac", "FLAC"), ("opus", "OGG")])
def test_the_files_ending_says_the_format(here: Path, ending: str, kind: str) -> None:
    assert cli.main(["say", "One.", "-o", f"x.{ending}", "-q"]) == 0
    assert soundfile.info(here / f"x.{ending}").format == kind


def test_a_clip_may_be_cloned_and_the_text_piped_in(here: Path, engine: FakeEngine) -> None:
    (here / "me.wav").write_bytes(OTHER_CLIP)
    command = [*PROGRAM, "say", "-", "--reference", "me.wav", "--reference-text", "It is I."]
    subprocess.run(command, input="From a pipe.", text=True, check=True, timeout=60)
    assert engine.requests[0].text == "From a pipe."
    assert engine.requests[0].voice.prompt_text == "It is I."


def test_the_terminal_shows_a_bar_of_segments(here: Path) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    with subprocess.Popen([*PROGRAM, "say", "[slow]. " * 6], stderr=child) as process:
        os.close(child)
        shown = b""
        try:
            while data := os.read(parent, 4_096):
                shown += data
        except OSError:  # how a terminal whose other end is closed says so
            pass
        assert process.wait(30) == 0
    text = shown.decode()
    assert re.search(r"speaking .* [1-5] of 6 segments", text)
    assert "spoken.wav: 3.0 s of audio" in text


def test_an_interrupt_cancels_the_job(here: Path, engine: FakeEngine) -> None:
    # Where the tests run in the background, interrupts are ignored, and what they start would inherit that.
    heeding = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen([*PROGRAM, "say", "[slow]. " * 100])
    finally:
        signal.signal(signal.SIGINT, heeding)
    with process:
        wait_for(lambda: engine.running == 1)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == cli.INTERRUPTED
    wait_for(lambda: engine.running == 0)
    assert not list(here.iterdir())


def test_play_feeds_a_player_while_the_audio_is_made(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "bin").mkdir()
    player = here / "bin" / "aplay"
    player.write_text(f"#!/bin/sh\ncat > {here}/heard.wav\n")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{here / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr("services.tts.client.playing.PLAYERS", (("aplay", "-q", "-"),))
    assert cli.main(["say", "One. Two.", "--play", "-o", "kept.wav"]) == 0
    kept = (here / "kept.wav").read_bytes()
    assert (here / "heard.wav").read_bytes()[44:] == kept[44:]
    assert soundfile.info(here / "kept.wav").frames == 24_000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["say", "Hello.", "--voice", "nobody"], "there is no voice 'nobody'"),
        (["say", "🙂"], "nothing in the text can be spoken"),
        (["say", "Hello.", "-o", "x.doc"], "name a file that ends in"),
        (["say", "Hello.", "-o", "nowhere/x.wav"], "nowhere/x.wav"),
        (["say", "Hello.", "--reference", "none.wav"], "none.wav"),
        (["--url", "http://127.0.0.1:9", "say", "Hello."], "cannot be reached"),
        (["say", "Hello.", "--url", "nonsense"], "connection"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("tts: ")
    assert error.count("\n") == 1


def test_voices_are_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["voices"]) == 0
    assert capsys.readouterr().out == "alto\t4.0 s\nreference\t4.0 s\twhat the clip says\n"
