import subprocess
import sys

from tests.e2e.conftest import ROOT

PROGRAM = """
import sys
for name in ("torch", "torchaudio", "transformers", "safetensors"):
    sys.modules[name] = None  # importing it fails
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
build_app(GatewaySettings(_env_file=None))
assert not any(name.startswith("comps.gptsovits") for name in sys.modules)
"""


def test_the_gateway_starts_where_torch_is_not_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
