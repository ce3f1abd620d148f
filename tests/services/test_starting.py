"""The two commands as processes: what they start with, and what they refuse to start with."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"TTS": "services.tts.main", "GPTSOVITS": "services.gptsovits.main"}
SHARED = {"OUTPUT_PATH"}  # variables without a prefix
SECRET = "svs_not-to-be-seen"


def environment(prefix: str, tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AUDIO_PATH": str(tmp_path / "audio"),
        "OUTPUT_PATH": str(tmp_path / "output"),
        "MODEL_PATH": str(tmp_path / "no-model"),
        **{name if name in SHARED else f"{prefix}_{name}": value for name, value in more.items()},
    }


def refused(prefix: str, tmp_path: Path, *words: str, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", MODULES[prefix], *words],
        cwd=tmp_path,
        env=environment(prefix, tmp_path, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 78, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def started(prefix: str, tmp_path: Path, **more: str) -> Iterator[tuple[httpx.Client, Path]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path / f"{prefix}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULES[prefix], "--port", str(port)],
            cwd=tmp_path,
            env=environment(prefix, tmp_path, **more),
            stderr=out,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + 60
            while True:
                try:
                    client.get("/health")
                    break
                except httpx.TransportError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield client, log
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("prefix", MODULES)
def test_a_service_that_others_can_reach_wants_keys_or_to_be_told_otherwise(
    prefix: str, tmp_path: Path
) -> None:
    told = refused(prefix, tmp_path, "--host", "0.0.0.0")
    assert f"{prefix}_HOST: 0.0.0.0" in told
    assert f"{prefix}_ALLOW_ANONYMOUS=true" in told
    with started(prefix, tmp_path, HOST="0.0.0.0", ALLOW_ANONYMOUS="true") as (client, log):
        assert client.get("/health", headers={"Host": "any.example"}).status_code == 503
        assert client.get("/metrics").status_code == 200
        assert "anybody who reaches 0.0.0.0 may use this service" in log.read_text()


@pytest.mark.parametrize("prefix", MODULES)
def test_on_loopback_it_is_open_to_this_machine_and_to_no_page_that_claims_to_be_it(
    prefix: str, tmp_path: Path
) -> None:
    with started(prefix, tmp_path) as (client, log):
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", headers={"Host": "localhost:1"}).status_code == 200
        rebound = client.get("/metrics", headers={"Host": "evil.example"})
        assert (rebound.status_code, rebound.json()["code"]) == (403, "host_refused")
        elsewhere = {"Origin": "https://evil.example"}
        assert client.post("/tts", json={"text": "hi"}, headers=elsewhere).status_code == 403
        first = json.loads(log.read_text().splitlines()[0])
        assert first["service"] == prefix.lower()
        assert "server" not in client.get("/health").headers


def test_with_a_key_it_starts_anywhere_and_a_key_made_later_closes_an_open_one(tmp_path: Path) -> None:
    def keys(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", MODULES["TTS"], "keys", *words],
            cwd=tmp_path,
            env=environment("TTS", tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    with started("TTS", tmp_path) as (client, _):
        assert client.get("/status").status_code == 200
        secret = keys("add", "alice", "--scope", "read")
        deadline = time.monotonic() + 10
        while client.get("/status").status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get("/status", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    with started("TTS", tmp_path, HOST="0.0.0.0", ALLOW_ANONYMOUS="true") as (client, log):
        assert client.get("/status").status_code == 401  # keys win over permission to do without
        assert client.get("/health").status_code == 503
        assert secret not in log.read_text()


def test_folders_and_databases_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused("TTS", tmp_path, OUTPUT_PATH=str(tmp_path / "file")).startswith("OUTPUT_PATH: ")
    assert "TTS_STATE_PATH: " in refused("TTS", tmp_path, STATE_PATH=str(tmp_path / "file" / "state"))
    assert "TTS_DATABASE_URL" in refused("TTS", tmp_path, DATABASE_URL="nonsense")


def test_secrets_are_in_no_log(tmp_path: Path) -> None:
    with started(
        "TTS",
        tmp_path,
        GPTSOVITS_KEY=SECRET,
        LOG_LEVEL="DEBUG",
        GPTSOVITS_URL="http://127.0.0.1:9",
    ) as (client, log):
        assert client.post(
            "/tts", json={"text": "hi"}, headers={"Authorization": f"Bearer {SECRET}"}
        ).is_error
        assert client.get("/status", headers={"X-API-Key": SECRET}).is_success
    text = log.read_text()
    assert '"GPT_SOVITS_KEY": "(set)"' in text
    assert SECRET not in text
