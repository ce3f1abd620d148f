"""Both services as processes of their own, with a tiny random model: to be measured, frozen and killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.proof.processes import Holdings, holdings
from tests.services.clips import voiced, wav

ROOT = Path(__file__).resolve().parents[2]
VOICES = {"high": 210.0, "low": 95.0, "middle": 140.0}  # pitch of each clip
START_SECONDS = 120.0
STOP_SECONDS = 20.0


def free_port() -> int:
    """Below those that the kernel gives to connections, so that nobody gets it before it is listened to."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            port = random.SystemRandom().randrange(12_000, 32_000)
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition: Callable[[], object], *, seconds: float, what: str) -> float:
    """How long it took until `condition` held; what it asks over HTTP may fail until then."""
    began = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except httpx.HTTPError:
            pass
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)


class Server:
    """One service. Its port and its settings stay the same however often it is started."""

    def __init__(self, module: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{module.rpartition('.')[0]}.log"
        self._words = [sys.executable, "-m", module, "--port", str(self.port)]
        self._folder = folder
        self.settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, prefix: tuple[str, ...] = ()) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, *self._words],
                cwd=self._folder,  # where no .env lies
                env={**_quiet_environment(), **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def until_healthy(self, seconds: float = START_SECONDS) -> float:
        return wait_for(self.is_healthy, seconds=seconds, what=f"{self._words[2]} is healthy")

    def is_healthy(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended:\n{self.log.read_text()[-3_000:]}"
        return httpx.get(f"{self.url}/health", timeout=2.0).status_code == 200

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As the kernel does it when memory runs out."""
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self.send(signal.SIGCONT)
        self._process.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def holdings(self) -> Holdings:
        return holdings(self.pid)


class House:
    """`inference` and `gateway`, their folders, and clients of the gateway."""

    def __init__(self, folder: Path, *, inference: Mapping[str, str], gateway: Mapping[str, str]) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.state = self.output / ".state"
        audio = folder / "audio"
        write_audio(audio)
        model = folder / "model"
        write_model(model)
        self.inference = Server(
            "services.gptsovits.main",
            folder,
            {"AUDIO_PATH": str(audio), "MODEL_PATH": str(model), **inference},
        )
        self.gateway = Server(
            "services.tts.main",
            folder,
            {**gateway_settings(folder, self.inference.url), **gateway},
        )

    def start(self) -> None:
        for server in (self.inference, self.gateway):
            server.start()
        for server in (self.inference, self.gateway):
            server.until_healthy()

    def stop(self) -> None:
        for server in (self.gateway, self.inference):
            server.stop()

    def client(self, timeout: float = 60.0) -> httpx.Client:
        return httpx.Client(base_url=self.gateway.url, timeout=timeout)


def gateway_settings(folder: Path, inference_url: str) -> dict[str, str]:
    return {
        "AUDIO_PATH": str(folder / "audio"),
        "OUTPUT_PATH": str(folder / "output"),
        "GPT_SOVITS_URL": inference_url,
    }


def write_audio(folder: Path) -> None:
    """A clip of each voice."""
    folder.mkdir(exist_ok=True)
    for name, pitch in VOICES.items():
        (folder / f"{name}.wav").write_bytes(wav(voiced(3.5, pitch=pitch)))


def write_model(folder: Path) -> None:
    """A tiny random model, in a process of its own: what torch keeps in memory is not ours to be measured."""
    program = "import sys, pathlib; from tests.tiny import write_own; write_own(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, env=_quiet_environment(), check=True
    )


def _quiet_environment() -> dict[str, str]:
    """The machine's environment without settings of ours, on one thread."""
    ours = ("GPTSOVITS_", "GPT_SOVITS_", "TTS_", "MODEL_PATH", "AUDIO_PATH", "OUTPUT_PATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextmanager
def open_house(
    folder: Path, *, inference: Mapping[str, str] | None = None, gateway: Mapping[str, str] | None = None
) -> Iterator[House]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without stopping what was started
    house = House(folder, inference=inference or {}, gateway=gateway or {})
    try:
        house.start()
        yield house
    finally:
        house.stop()
