"""Every curl command of the README, run as it stands there against running services."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.e2e.conftest import ROOT, House

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", README, flags=re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("curl ")]


def test_the_readme_shows_every_kind_of_request() -> None:
    shown = "\n".join(commands())
    for path in ("/health", "/tts", "/transfer", "/voices", "/status", "/v1/audio/speech"):
        assert f"localhost:8001{path}" in shown


def test_the_readmes_commands_work_in_the_order_they_stand(house: House, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "audio", tmp_path / "audio")
    for command in commands():
        here = command.replace("http://localhost:8001", str(house.gateway.base_url).rstrip("/"))
        done = subprocess.run(
            ["bash", "-c", here.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if match := re.search(r"-o (\S+\.(?:wav|mp3|opus))", command):
            assert soundfile.info(tmp_path / match[1]).samplerate > 0


def test_the_readmes_command_line_works_too(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "audio", tmp_path / "audio")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, line in (
        ("tts", f'exec "{sys.executable}" -m services.tts.client.cli "$@"'),
        ("pw-cat", f"cat > {tmp_path}/heard.wav"),  # the first player that is looked for
    ):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SOVITS_URL", str(house.gateway.base_url))
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, flags=re.M | re.S)).splitlines()
    shown = [line for line in lines if re.search(r"(^|\| )tts ", line)]
    assert len(shown) >= 4
    for line in shown:
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    for name in ("spoken.mp3", "spoken.wav"):
        assert soundfile.info(tmp_path / name).frames > 0
    assert (tmp_path / "heard.wav").stat().st_size > 1_000


def test_the_readmes_python_is_a_program(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(program.replace("http://localhost:8001", str(house.gateway.base_url).rstrip("/")), {})
    assert (tmp_path / "spoken.wav").stat().st_size > 1_000
