"""What one does on the page: speak, clone, record, listen, stop, keep, look at jobs."""

import io
import re
import subprocess
from pathlib import Path

import pytest
import soundfile

from comps.cores.keys.key import ApiKey, ApiKeys, Scope, digest
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.e2e.page.conftest import Browser, Page, opened, playwright_api
from tests.services.clips import OTHER_CLIP, served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for
from tests.services.tts.gated import GatedEngine

expect = playwright_api.expect

PAINTED = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    .data.filter((value, at) => at % 4 === 3 && value > 0).length"""


def speak(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("#go")


def spoken(page: Page, seconds: str) -> None:
    expect(page.locator("#state")).to_have_text(f"done: {seconds} s of audio")


def test_a_text_is_heard_while_it_is_made_seen_and_downloaded(page: Page, engine: GatedEngine) -> None:
    expect(page.locator("#count")).to_have_text("69")
    speak(page, "One. [gate]. Three.")
    expect(page.locator("#clock")).to_have_text("0.5 / 0.5 s")  # heard before it is whole
    assert page.locator("#go").is_disabled()
    assert page.locator("#wave").evaluate(PAINTED) > 100
    expect(page.locator("#state")).to_have_text(re.compile(r"speaking · 1 of 3 segments done"))
    engine.gate.set()
    spoken(page, "1.5")
    expect(page.locator("#wave")).to_have_attribute("aria-label", "Waveform of 1.5 seconds of speech")
    expect(page.locator("#facts")).to_contain_text("learned now")
    with page.expect_download() as download:
        page.click("#download")
    info = soundfile.info(download.value.path())
    assert (info.frames, info.samplerate) == (36_000, 24_000)
    with page.expect_download() as download:
        page.click("#subtitles")
    assert "00:00:00,500 --> 00:00:01,000\n[gate]." in Path(download.value.path()).read_text()
    speak(page, "Again.")
    spoken(page, "0.5")
    expect(page.locator("#facts")).to_contain_text("from the cache")


def test_the_file_can_be_played_again(page: Page) -> None:
    speak(page, "One. Two. " * 6)
    spoken(page, "6.0")
    player = page.locator("#player")
    player.evaluate("player => player.play()")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^[0-5]\.[2-9] / 6\.0 s"))
    assert player.evaluate("player => player.duration") == pytest.approx(6.0, abs=0.01)


def test_a_clip_is_uploaded_cloned_and_kept_as_a_voice(page: Page, engine: FakeEngine) -> None:
    clip = {"name": "me.wav", "mimeType": "audio/wav", "buffer": OTHER_CLIP}
    page.set_input_files("#file", files=[clip])
    expect(page.locator("#clip-name")).to_have_text("me.wav")
    expect(page.locator("#voice")).to_be_hidden()
    page.get_by_label("What the clip says").first.fill("Hello, it is me.")
    speak(page, "Hello.")
    spoken(page, "0.5")
    assert engine.requests[-1].voice.prompt_text == "Hello, it is me."
    page.click("#keep")
    page.get_by_role("dialog").get_by_label("Its name").fill("My voice")
    page.keyboard.press("Enter")
    expect(page.locator("#voice")).to_have_value("My voice")
    speak(page, "Hello again.")
    spoken(page, "0.5")
    expect(page.locator("#facts")).to_contain_text("from the cache")


def test_a_clip_may_be_recorded(page: Page, engine: FakeEngine) -> None:
    page.click("#record")
    expect(page.locator("#record-text")).to_have_text("Stop · 2 s")
    assert page.locator("#level").evaluate("meter => meter.value") >= 0
    page.click("#record")
    expect(page.locator("#clip-name")).to_have_text("recording.wav")
    expect(page.locator("#level")).to_be_hidden()
    speak(page, "Hello.")
    spoken(page, "0.5")
    assert 1.0 < engine.requests[-1].voice.seconds < 5.0


def test_stopping_stops_the_engine(page: Page, engine: FakeEngine) -> None:
    speak(page, "[slow]. " * 100)
    expect(page.locator("#state")).to_contain_text("speaking")
    page.click("#stop")
    expect(page.locator("#state")).to_have_text("stopped")
    expect(page.locator("#go")).to_be_enabled()
    wait_for(lambda: engine.cancelled == 1 and engine.running == 0)


def test_stopping_works_before_the_first_audio_too(page: Page, engine: FakeEngine) -> None:
    speak(page, "[stuck].")
    wait_for(lambda: engine.running == 1)
    page.click("#stop")
    expect(page.locator("#state")).to_have_text("stopped")
    wait_for(lambda: engine.running == 0)


@pytest.mark.parametrize(
    ("text", "shown"), [("🙂🙂", "nothing in the text can be spoken"), ("[fail].", "could not be made")]
)
def test_what_went_wrong_is_said(page: Page, text: str, shown: str) -> None:
    speak(page, text)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(shown)
    expect(alert).to_contain_text("request ")
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_hidden()
    speak(page, "Hello.")
    spoken(page, "0.5")


def test_an_error_in_the_middle_is_said_too(page: Page) -> None:
    speak(page, "One. [slow]. [fail].")
    expect(page.get_by_role("alert")).to_contain_text("The audio broke off")
    expect(page.locator("#go")).to_be_enabled()


@pytest.mark.parametrize("with_clip", [False, True])
def test_the_copied_command_gives_the_same_audio(page: Page, tmp_path: Path, with_clip: bool) -> None:
    if with_clip:
        (tmp_path / "it's me.wav").write_bytes(OTHER_CLIP)
        page.set_input_files("#file", tmp_path / "it's me.wav")
    page.get_by_text("Options").first.click()
    page.fill("#seed", "11")
    page.select_option("#loudness", label="podcast, −16 LUFS")
    speak(page, 'It\'s a test. "Quoted" & $(odd).')
    expect(page.locator("#outcome")).to_be_visible()
    page.click("#curl")
    expect(page.locator("#curl-text")).to_have_text("Copied")
    command = page.evaluate("navigator.clipboard.readText()")
    subprocess.run(["bash", "-c", command.replace("curl ", "curl -sS --fail ", 1)], cwd=tmp_path, check=True)
    with page.expect_download() as download:
        page.click("#download")
    here = soundfile.read(io.BytesIO(Path(download.value.path()).read_bytes()), dtype="int16")[0]
    there = soundfile.read(tmp_path / "spoken.wav", dtype="int16")[0]
    assert len(here) == len(there)
    assert abs(here.astype(int) - there).max() <= 1


def test_jobs_are_shown_as_they_go(page: Page, engine: FakeEngine) -> None:
    page.fill("#text", "[slow]. " * 12)
    page.click("#queue")
    row = page.locator("#job-list li").first
    expect(row.locator(".state")).to_have_text("running")
    expect(row).to_contain_text(re.compile(r"[1-9]\d? of 12 segments"))
    expect(row.locator(".state")).to_have_text("succeeded", timeout=20_000)
    row.get_by_role("button", name="Play").click()
    expect(page.locator("#job-player")).to_be_visible()
    page.click("#tab-speak")
    page.fill("#text", "[slow]. " * 100)
    page.click("#queue")
    row.get_by_role("button", name="Cancel").click()
    expect(row.locator(".state")).to_have_text("cancelled")
    page.get_by_label("Show").select_option("succeeded")
    expect(page.locator("#job-list li")).to_have_count(1)
    wait_for(lambda: engine.running == 0)


def test_voices_are_added_heard_used_and_deleted(page: Page) -> None:
    page.click("#tab-voices")
    voices = page.locator("#voice-list li")
    expect(voices).to_have_count(2)
    page.get_by_label("Name").fill("Ada")
    clips = [{"name": f"{n}.wav", "mimeType": "audio/wav", "buffer": OTHER_CLIP} for n in range(2)]
    page.set_input_files("#new-clips", files=clips)
    page.get_by_role("button", name="Add").click()
    expect(voices).to_have_count(3)
    ada = voices.filter(has_text="Ada")
    play = ada.get_by_role("button", name="Play the clip of Ada")
    play.click()
    expect(play.locator("use")).to_have_attribute("href", re.compile("#pause"))
    play.click()
    expect(play.locator("use")).to_have_attribute("href", re.compile("#play"))
    ada.get_by_role("button", name="Use Ada").click()
    expect(page.locator("#voice")).to_have_value("Ada")
    expect(page.locator("#text")).to_be_focused()
    page.click("#tab-voices")
    ada.get_by_role("button", name="Delete Ada").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(voices).to_have_count(3)
    ada.get_by_role("button", name="Delete Ada").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(voices).to_have_count(2)


def test_where_keys_are_needed_the_page_asks_for_one(browser: Browser, settings: GatewaySettings) -> None:
    key = ApiKey(name="ada", sha256=digest("open sesame"), scopes=(Scope.ADMIN,))
    keys = ApiKeys.dump_json((key,)).decode()
    guarded = GatewaySettings(**{**settings.model_dump(), "api_keys": keys}, _env_file=None)
    with served(build_app(guarded)) as url, opened(browser, url) as page:
        asking = page.get_by_role("dialog")
        asking.get_by_label("Key").fill("open sesame")
        asking.get_by_role("button", name="Go on").click()
        expect(page.locator("#voice")).to_have_value("alto")
        speak(page, "Hello.")
        spoken(page, "0.5")
        page.click("#sample")
        expect(page.locator("#sample use")).to_have_attribute("href", re.compile("#pause"))
