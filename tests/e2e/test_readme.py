"""Every curl command of the README, run as it stands there against running services."""

import re
import shutil
import subprocess
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


def test_the_readmes_python_is_a_program(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(program.replace("http://localhost:8001", str(house.gateway.base_url).rstrip("/")), {})
    assert (tmp_path / "spoken.wav").stat().st_size > 1_000
