"""What is expected of the two containers once they run. Each check prints what it saw, or raises."""

import io
import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import soundfile

from tests.containers.engine import Docker

USER = "10001"
PROJECT = "sovits-serve"
STOPPED_BY_TERM = (0, 143)
KILL = (
    "import os; [os.kill(int(p), 9) for p in os.listdir('/proc') if p.isdecimal() and int(p) > 1"
    " and b'-server' in open(f'/proc/{p}/cmdline', 'rb').read() and int(p) != os.getpid()"
    " and b'os.kill' not in open(f'/proc/{p}/cmdline', 'rb').read()]"
)


class Containers:
    def __init__(self, docker: Docker, url: str, variables: dict[str, str]) -> None:
        self.docker, self.url, self.variables = docker, url, variables

    def compose(self, *words: str) -> str:
        return self.docker.compose(*words, **self.variables)

    def inspect(self, service: str) -> Any:
        name = self.compose("ps", "--all", "--quiet", service)
        return json.loads(self.docker("inspect", name))[0]

    def inside(self, service: str, *words: str) -> str:
        return self.compose("exec", "-T", service, *words)

    def refuses(self, service: str, *words: str) -> bool:
        name = self.compose("ps", "--quiet", service)
        asked = subprocess.run(
            ["docker", "exec", name, *words], env=self.docker.environment, capture_output=True, timeout=60
        )
        return asked.returncode != 0


def images(docker: Docker) -> None:
    for image, variable in (("gptsovits:cpu", "MODEL_PATH"), ("tts", "OUTPUT_PATH")):
        facts = json.loads(docker("image", "inspect", f"sovits-serve/{image}"))[0]
        config = facts["Config"]
        assert config["User"] == USER, config["User"]
        assert config["Healthcheck"]["Test"][0] == "CMD"
        assert len(config["Cmd"]) == 1, "the server itself, not a shell, gets the signals"
        assert {"/app/audio", "/app/output"} <= set(config["Volumes"])
        assert any(entry.startswith(f"{variable}=") for entry in config["Env"])
        print(f"image {image}: {facts['Size'] / 1e6:.0f} MB, user {config['User']}, runs {config['Cmd'][0]}")


def health_gates_the_start(here: Containers) -> None:
    inference, gateway = here.inspect("gptsovits"), here.inspect("tts")
    healthy = [entry for entry in inference["State"]["Health"]["Log"] if entry["ExitCode"] == 0]
    assert gateway["State"]["Health"]["Status"] == "healthy"
    assert gateway["State"]["StartedAt"] > inference["State"]["StartedAt"]
    assert healthy, "the gateway was started before the model was there"
    print("the gateway was started when the model was healthy")


def speech(here: Containers) -> str:
    """The id of the job that spoke."""
    began = time.monotonic()
    wish = {"text": "The container speaks with nothing else.", "seed": 7}
    reply = httpx.post(f"{here.url}/tts", json=wish, timeout=120)
    assert reply.status_code == 200, reply.text
    samples, rate = soundfile.read(io.BytesIO(reply.content), dtype="float32")
    assert len(samples) / rate > 0.5
    assert float(np.abs(samples).max()) > 0.001
    print(f"spoke {len(samples) / rate:.1f} s of audio in {time.monotonic() - began:.1f} s")
    return str(reply.headers["X-Job-Id"])


def compiled_code(here: Containers) -> None:
    """What was compiled when the image was built is there to be used; the image has no compiler."""
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9880/health').read().decode())"
    steps = json.loads(here.inside("gptsovits", "python", "-c", ask))["steps"]
    assert here.refuses("gptsovits", "g++", "--version"), "the compiler is left in the image"
    assert any("compiled" in form for form in (steps["form"], *steps["measured_ms"])), steps
    print(f"tokens are decoded by: {steps['form']}")


def user_and_files(here: Containers, job_id: str) -> None:
    for service in ("gptsovits", "tts"):
        assert here.inside(service, "id", "-u") == USER
        assert here.refuses(service, "touch", "/app/elsewhere"), "the root file system can be written"
        assert here.refuses(service, "python", "-m", "pip", "--version"), "pip is left in the image"
        limits = here.inspect(service)["HostConfig"]
        assert limits["Memory"] > 0
        assert limits["PidsLimit"] > 0
    assert here.inside("tts", "stat", "-c", "%u", f"/app/output/{job_id}.wav") == USER
    assert here.refuses("gptsovits", "touch", "/app/models/x"), "the models can be written"
    assert here.refuses("tts", "python", "-c", "import torch"), "torch is in the gateway's image"
    print(f"both run as {USER}, on read-only systems with limits; finished audio is theirs")


def volumes_outlive_containers(here: Containers, job_id: str) -> None:
    here.compose("down")
    began = time.monotonic()
    here.compose("up", "--detach", "--wait", "--no-build")
    again = httpx.get(f"{here.url}/status/{job_id}/audio", timeout=60)
    assert again.status_code == 200, again.text
    assert again.content[:4] == b"RIFF"
    print(f"down and up again in {time.monotonic() - began:.1f} s; the job and its audio are still there")


def a_killed_server_comes_back(here: Containers) -> None:
    before = here.inspect("gptsovits")["RestartCount"]
    began = time.monotonic()
    here.refuses("gptsovits", "python", "-c", KILL)
    _until(lambda: here.inspect("gptsovits")["RestartCount"] > before, 60)
    _until(lambda: httpx.get(f"{here.url}/health", timeout=10).status_code == 200, 180)
    print(f"kill -9: the inference service was back after {time.monotonic() - began:.1f} s")


def a_stop_is_heard(here: Containers) -> None:
    for service in ("tts", "gptsovits"):
        began = time.monotonic()
        here.compose("stop", service)
        code = here.inspect(service)["State"]["ExitCode"]
        assert code in STOPPED_BY_TERM, f"{service} had to be killed: {code}"
        print(f"{service} stopped by SIGTERM within {time.monotonic() - began:.1f} s (exit code {code})")


def japanese_is_compiled_already(docker: Docker, image: str) -> None:
    """Without network, on a read-only system: the user's dictionary of Latin words is in the image."""
    program = (
        "import time; t = time.time(); from comps.gptsovits.text.pipeline import phonemize;"
        "print(*phonemize('Linuxは楽しい。', 'ja').phones); print(round(time.time() - t, 1))"
    )
    words = ["run", "--rm", "--network=none", "--read-only", image, "python", "-c", program]
    phones, seconds = docker(*words).splitlines()[-2:]
    spelled = "e r u"  # L-I-N-U-X, letter by letter, is what is said without the dictionary
    assert phones.split()
    assert spelled not in phones.replace("[", "").replace("]", ""), phones
    found = docker("run", "--rm", image, "sh", "-c", "ls /home/sovits/.cache/sovits-serve")
    assert found.endswith(".dic"), found
    print(f"Japanese: {phones} after {seconds} s; compiled for uid {USER}: {found}")


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"did not happen within {seconds:g} s"
        time.sleep(0.5)
