"""The page for everybody: with the keyboard alone, with a screen reader, on a phone, in the dark."""

import re

import pytest

from tests.e2e.page.conftest import Browser, Page, opened, playwright_api
from tests.services.clips import CLIP
from tests.services.tts.conftest import wait_for

expect = playwright_api.expect

RECORDING = {"name": "me.wav", "mimeType": "audio/wav", "buffer": CLIP}


def focus_on(page: Page, selector: str, *, backwards: bool = False) -> None:
    """Tab until the element has the focus."""
    for _ in range(40):
        if page.locator(selector).evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def test_everything_can_be_done_with_the_keyboard_alone(page: Page, engine: object) -> None:
    focus_on(page, "#text")
    page.keyboard.press("Control+A")
    page.keyboard.type("One. Two.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#state")).to_have_text("done: 1.0 s of audio")
    for selector in ("#voice", "#sample", "#file", "#record", "#go", "#download", "#curl"):
        focus_on(page, selector)
    focus_on(page, "#record", backwards=True)
    page.keyboard.press("Space")
    expect(page.locator("#record-text")).to_have_text("Stop · 1 s")
    page.keyboard.press("Space")
    expect(page.locator("#clip-name")).to_have_text("recording.wav")
    focus_on(page, "#text", backwards=True)
    page.keyboard.press("Control+A")
    page.keyboard.type("[slow]. " * 60)
    focus_on(page, "#queue")
    page.keyboard.press("Enter")
    expect(page.locator("#tab-jobs")).to_have_attribute("aria-selected", "true")
    cancel = page.locator("#job-list li").first.get_by_role("button", name=re.compile("Cancel"))
    cancel.wait_for()
    focus_on(page, "#tab-jobs", backwards=True)
    focus_on(page, "#job-list li:first-child button")
    page.keyboard.press("Enter")
    expect(page.locator("#job-list li .state").first).to_have_text("cancelled")
    focus_on(page, "#tab-jobs", backwards=True)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tab-voices")).to_be_focused()
    expect(page.locator("#voices")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("#speak")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#transfer")).to_be_visible()
    focus_on(page, "#source-record")
    page.keyboard.press("Space")
    expect(page.locator("#source-record-text")).to_have_text("Stop · 1 s")
    page.keyboard.press("Space")
    expect(page.locator("#source-clip-name")).to_have_text("recording.wav")
    focus_on(page, "#said")
    page.keyboard.type("Beep beep.")
    for selector in ("#target", "#target-sample", "#transfer-go"):
        focus_on(page, selector)
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_contain_text("done")
    for selector in ("#transfer-queue", "#player", "#download"):
        focus_on(page, selector)
    focus_on(page, "#forget-source", backwards=True)
    page.keyboard.press("Enter")
    expect(page.locator("#source-file")).to_be_focused()


def test_progress_is_told_to_screen_readers_in_few_words(page: Page) -> None:
    expect(page.locator("#state")).to_have_role("status")
    page.fill("#text", "One. Two. Three.")
    page.click("#go")
    expect(page.locator("#state")).to_have_text("done: 1.5 s of audio")
    # The running clock would be read aloud ten times a second.
    expect(page.locator("#clock")).to_have_attribute("aria-hidden", "true")
    expect(page.get_by_role("img", name="Waveform of 1.5 seconds of speech")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_any_state(browser: Browser, gateway: str, scheme: str, width: int) -> None:
    """WCAG 2.1 A and AA by axe-core: names, roles, contrast, landmarks."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    size = {"width": width, "height": 844}
    with opened(browser, gateway, viewport=size, color_scheme=scheme, reduced_motion="reduce") as page:

        def check(where: str) -> None:
            found = axe.Axe().run(page).response["violations"]
            told = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
            assert not told, f"{where}: {told}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (
                f"{where}: scrolls sideways"
            )

        page.get_by_text("Options").first.click()
        check("at first")
        page.fill("#text", "One. Two.")
        page.click("#go")
        page.locator("#outcome").wait_for()
        check("spoken")
        page.fill("#text", "🙂")
        page.click("#go")
        page.get_by_role("alert").wait_for()
        check("problem")
        page.click("#tab-transfer")
        page.get_by_text("Options").last.click()
        check("transfer at first")
        page.set_input_files("#source-file", files=[RECORDING])
        page.fill("#said", "Hello, it is me.")
        page.click("#transfer-go")
        page.locator("#outcome").wait_for()
        check("transferred")
        page.click("#tab-voices")
        page.locator("#voice-list li").first.wait_for()
        check("voices")
        page.click("#tab-jobs")
        page.locator("#job-list li").first.wait_for()
        check("jobs")


def test_light_and_dark_follow_the_system_and_the_button(browser: Browser, gateway: str) -> None:
    with opened(browser, gateway, color_scheme="dark") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        page.get_by_role("button", name=re.compile("light and dark")).click()
        light = page.evaluate(ground)
        assert dark != light
        page.reload()
        page.locator("#health.good").wait_for()
        assert page.evaluate(ground) == light


def test_the_waveform_fits_a_phone_of_any_density(browser: Browser, gateway: str) -> None:
    size = {"width": 390, "height": 844}
    with opened(browser, gateway, viewport=size, device_scale_factor=3, has_touch=True) as page:
        page.fill("#text", "One. Two.")
        page.tap("#go")
        page.locator("#outcome").wait_for()
        wait_for(lambda: page.locator("#wave").evaluate("c => c.width / c.clientWidth") == 3)
