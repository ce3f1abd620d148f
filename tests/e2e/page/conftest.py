"""The page in a real Chromium, in front of both services with a quick stand-in for the engine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, OTHER_CLIP, served
from tests.services.tts.conftest import inference_app, wait_for
from tests.services.tts.gated import GatedEngine

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
Browser, Page = playwright_api.Browser, playwright_api.Page
playwright_api.expect.set_options(timeout=15_000)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and nobody to ask whether it may be used.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="package")  # no longer: while Playwright is open, its event loop runs in this thread
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here; bin/setup.sh --dev installs it on Debian")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def settings(tmp_path: Path, engine: GatedEngine) -> Iterator[GatewaySettings]:
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "alto.wav").write_bytes(OTHER_CLIP)
    (audio / "reference.wav").write_bytes(CLIP)
    (audio / "reference.txt").write_text("what the clip says\n")
    with served(inference_app(tmp_path, engine)) as url:  # type: ignore[arg-type]
        wait_for(lambda: httpx.get(f"{url}/health").status_code == 200)
        yield GatewaySettings(
            gptsovits_url=url, audio_path=audio, output_path=tmp_path / "output", _env_file=None
        )


@pytest.fixture
def gateway(settings: GatewaySettings) -> Iterator[str]:
    with served(build_app(settings)) as url:
        yield url


@pytest.fixture
def page(browser: Browser, gateway: str) -> Iterator[Page]:
    with opened(browser, gateway) as page:
        yield page


class opened:  # noqa: N801 - a context manager, used like a function
    """The page at `url`; that it did nothing it should not do is checked at the end."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self._context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **options)
        self._context.set_default_timeout(15_000)
        self._url = url
        self._complaints: list[str] = []
        self._foreign: list[str] = []

    def __enter__(self) -> Page:
        page = self._context.new_page()
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda request: self._foreign.append(request.url))
        page.goto(self._url)
        page.locator("#health.good").wait_for()
        return page

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._context.close()
        if error is None:
            assert not self._complaints, self._complaints
            own = (self._url, "blob:", "data:")
            assert [url for url in self._foreign if not url.startswith(own)] == []

    def _note(self, message: object) -> None:
        # Replies with an error status are logged by the browser itself; those are the tests' own.
        text = str(getattr(message, "text", ""))
        if getattr(message, "type", "") == "error" and "Failed to load resource" not in text:
            self._complaints.append(text)
