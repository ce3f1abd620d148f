"""What the containers are made and watched with, held against what it speaks of. No engine is needed."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from comps.cores.settings.telling import variables
from services.gptsovits.settings import GptSovitsSettings
from services.tts.settings import GatewaySettings
from tests.containers.engine import ROOT
from tests.proof.contract import doors

LOCKS = ROOT / "docker" / "lock"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DASHBOARD = json.loads((ROOT / "docker/grafana/dashboards/sovits-serve.json").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TORCH = {"torch"}
LANGUAGES = ("zh", "g2pw", "yue", "ja", "ko")
OF_PROMQL = frozenset(
    (
        "histogram_quantile rate increase sum min max avg by le job status code state stage rate_interval h"
    ).split()
)


def pins(name: str) -> dict[str, str]:
    """Package → version; every one of them with a digest."""
    entries = re.split(r"^(?=[A-Za-z0-9])", (LOCKS / f"{name}.txt").read_text(), flags=re.M)[1:]
    assert all("--hash=sha256:" in entry for entry in entries), name
    found = (re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry) for entry in entries)
    return {canonicalize_name(each[1]): each[2] for each in found if each}


def wanted(*extras: str) -> list[Requirement]:
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("files", "extras"),
    [
        (["gateway"], []),
        (["gptsovits", "torch"], ["gptsovits"]),
        *(([*("gptsovits", "torch"), each], ["gptsovits", each]) for each in LANGUAGES),
        *((["gateway", each], [each]) for each in ("postgres", "otel", "codecs")),
    ],
)
def test_the_locks_have_all_that_is_wanted_in_versions_that_will_do(
    files: list[str], extras: list[str]
) -> None:
    locked: dict[str, str] = {}
    for file in files:
        locked |= pins(file)
    for each in wanted(*extras):
        version = locked.get(canonicalize_name(each.name))
        assert version is not None, f"{each.name} is not locked: run bin/lock.sh"
        assert each.specifier.contains(version), f"{each} is locked at {version}: run bin/lock.sh"


def test_torch_for_the_cpu_is_the_version_of_the_setup_and_of_cuda() -> None:
    (version,) = re.findall(r"^TORCH=(\S+)$", (ROOT / "bin/setup.sh").read_text(), flags=re.M)
    assert pins("torch")["torch"] == version
    assert f"torch=={version}+cpu" in (LOCKS / "torch-cpu.txt").read_text()


def settings_named(text: str) -> set[str]:
    return set(re.findall(r"\b((?:GPTSOVITS|TTS)_[A-Z_]+|(?:MODEL|AUDIO|OUTPUT)_PATH|GPT_SOVITS_URL)=", text))


def test_only_settings_that_there_are_are_set() -> None:
    known = {
        name
        for settings in (GptSovitsSettings, GatewaySettings)
        for variable in variables(settings)
        for name in variable.names
    }
    said = settings_named(
        "".join((ROOT / "docker" / f"Dockerfile.{s}").read_text() for s in ("gptsovits", "tts"))
    )
    for name in ("gptsovits", "gptsovits-gpu", "tts"):
        said |= COMPOSE["services"][name]["environment"].keys()
    assert len(said) > 8
    assert said <= known


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of everything that both services tell Prometheus, after a request."""
    names: set[str] = set()
    with doors(tmp_path_factory.mktemp("metrics")) as found:
        for url, _ in found.values():
            text = httpx.get(f"{url}/metrics").text
            for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.M):
                endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
                names |= {f"{name}{ending}" for ending in endings}
    return names


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel.get("targets")]


def test_the_dashboard_shows_only_what_is_measured(metrics: set[str]) -> None:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(shown) > 20
    for expression in shown:
        named = set(re.findall(r"\b[a-z_][a-z_0-9]*[a-z]\b", re.sub(r"\[.*?\]", "", expression))) - OF_PROMQL
        assert named, expression
        assert named <= metrics, expression


def test_prometheus_asks_the_services_at_the_ports_they_have() -> None:
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yml").read_text())
    asked = {
        target
        for job in config["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }
    services = COMPOSE["services"]
    ports = {
        "gptsovits": services["gptsovits"]["environment"]["GPTSOVITS_PORT"],
        "tts": services["tts"]["environment"]["TTS_PORT"],
    }
    assert asked == {f"{name}:{port}" for name, port in ports.items()}


def test_what_compose_mounts_from_the_checkout_is_there() -> None:
    mounts = [volume for service in COMPOSE["services"].values() for volume in service.get("volumes", ())]
    sources = {mount.partition(":")[0] for mount in mounts if mount.startswith("./")}
    assert len(sources) >= 4
    assert all((ROOT / Path(source)).exists() for source in sources), sources
