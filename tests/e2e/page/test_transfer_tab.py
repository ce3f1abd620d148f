"""A recording is spoken again in another voice on the page: heard, stopped, queued, copied as a command."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import soundfile

from tests.e2e.page.conftest import Page, playwright_api
from tests.services.clips import voiced, wav
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

expect = playwright_api.expect

SECONDS = 2.0
RECORDING = {"name": "me.wav", "mimeType": "audio/wav", "buffer": wav(voiced(SECONDS))}


@pytest.fixture
def form(page: Page) -> Page:
    """The tab, with a recording and what it says."""
    page.click("#tab-transfer")
    page.set_input_files("#source-file", files=[RECORDING])
    page.fill("#said", "Hello, it is me.")
    return page


def test_a_recording_is_heard_in_another_voice(form: Page, engine: FakeEngine) -> None:
    expect(form.locator("#source-clip-name")).to_have_text("me.wav")
    form.select_option("#target", "reference")
    form.get_by_text("Options").last.click()
    form.fill("#source-seed", "5")
    form.select_option("#said-language", "en")
    form.click("#transfer-go")
    expect(form.locator("#state")).to_have_text("done: 2.0 s of audio")
    (asked,) = engine.transfers
    assert (asked.text, asked.options.seed, asked.options.language) == ("Hello, it is me.", 5, "en")
    assert asked.voice.prompt_text == "what the clip says"
    assert asked.source.seconds == pytest.approx(SECONDS)
    with form.expect_download() as download:
        form.click("#download")
    assert soundfile.info(download.value.path()).duration == pytest.approx(SECONDS, abs=0.05)
    assert download.value.suggested_filename.startswith("reference-")
    expect(form.locator("#keep")).to_be_hidden()
    # What is heard stays there when the other form is shown.
    form.click("#tab-speak")
    expect(form.locator("#speak #state")).to_have_text("done: 2.0 s of audio")


def test_what_is_missing_is_asked_for(page: Page, engine: FakeEngine) -> None:
    page.click("#tab-transfer")
    page.fill("#said", "Hello.")
    page.click("#transfer-go")
    expect(page.get_by_role("alert")).to_contain_text("Which recording?")
    expect(page.locator("#source-file")).to_be_focused()
    page.set_input_files("#source-file", files=[RECORDING])
    page.fill("#said", "")
    page.click("#transfer-go")
    assert page.locator("#said").evaluate("element => !element.validity.valid")
    assert engine.transfers == []


def test_a_recording_that_cannot_be_read_is_said_to_be(form: Page) -> None:
    form.click("#forget-source")
    broken = {"name": "broken.wav", "mimeType": "audio/wav", "buffer": b"RIFF and no more"}
    form.set_input_files("#source-file", files=[broken])
    form.click("#transfer-go")
    expect(form.get_by_role("alert")).to_contain_text("request ")
    expect(form.locator("#transfer-go")).to_be_enabled()


def test_stopping_stops_the_engine(form: Page, engine: FakeEngine) -> None:
    form.fill("#said", "[stuck]")
    form.click("#transfer-go")
    wait_for(lambda: engine.running == 1)
    expect(form.locator("#go")).to_be_disabled()  # one thing is heard at a time
    form.click("#transfer-stop")
    expect(form.locator("#state")).to_have_text("stopped")
    wait_for(lambda: engine.cancelled == 1 and engine.running == 0)


def test_it_may_be_queued_as_a_job(form: Page) -> None:
    form.click("#transfer-queue")
    expect(form.locator("#tab-jobs")).to_have_attribute("aria-selected", "true")
    expect(form.locator("#job-list li .state").first).to_have_text("succeeded")


def test_the_copied_command_asks_for_the_same(form: Page, tmp_path: Path) -> None:
    form.click("#transfer-go")
    expect(form.locator("#state")).to_contain_text("done")
    form.click("#curl")
    expect(form.locator("#curl-text")).to_have_text("Copied")
    command = form.evaluate("navigator.clipboard.readText()")
    assert re.search(r"-F 'source=@me\.wav'", command)
    (tmp_path / "me.wav").write_bytes(RECORDING["buffer"])  # type: ignore[arg-type]
    subprocess.run([*shlex.split(command), "-s", "--fail"], cwd=tmp_path, check=True, timeout=30)
    with form.expect_download() as download:
        form.click("#download")
    here, there = soundfile.read(download.value.path())[0], soundfile.read(tmp_path / "spoken.wav")[0]
    assert len(here) == len(there) > 0
    assert (here == there).all()
