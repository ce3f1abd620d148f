"""Both services against what their OpenAPI documents say: no 5xx, nothing that the documents do not promise.

    python -m tests.proof.contract [--examples 300]

Schemathesis makes requests from the documents, good ones and bad ones. Half of them are pointed at a voice, a
clip or a job that is there, so that they get past the door.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings
from tests.proof.house import wait_for
from tests.services.clips import CLIP, OTHER_CLIP, served
from tests.services.fakes import FakeEngine

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALL_SECONDS = 20.0
SPEAKERS = ("voice", "speaker_id", "reference_audio", "aux_reference_audio", "ref_audio_path", "model")


@dataclass
class Figures:
    n_operations: int = 0
    n_requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    losses: dict[str, str] = field(default_factory=dict)  # what and where → one example of it
    seconds: float = 0.0


@dataclass(frozen=True)
class Known:
    """What is there: for bodies and paths that would else name nothing."""

    speaker: dict[str, str]
    path: dict[str, str]


def run(url: str, known: Known, *, n_examples: int) -> Figures:
    """`n_examples` requests to each operation of the service at `url`."""
    figures = Figures()
    began = time.monotonic()
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for result in schema.get_all_operations():
        operation = result.ok()
        figures.n_operations += 1
        for mode, share in ((GenerationMode.POSITIVE, 0.6), (GenerationMode.NEGATIVE, 0.4)):
            cases = operation.as_strategy(generation_mode=mode)
            _ask(cases, known, figures, n_examples=max(2, round(n_examples * share)))
    figures.seconds = time.monotonic() - began
    return figures


def _ask(cases: Any, known: Known, figures: Figures, *, n_examples: int) -> None:
    @given(case=cases, to_known=st.booleans())
    @settings(
        max_examples=n_examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case, to_known: bool) -> None:
        if to_known:
            _point(case, known)
        figures.n_requests += 1
        where = f"{case.method} {case.operation.path}"
        try:
            response = case.call(timeout=CALL_SECONDS)
        except Exception as error:
            figures.losses.setdefault(f"{where}: {type(error).__name__}", str(error)[:500])
            return
        figures.statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                example = f"{case.as_curl_command()[:600]}\n{response.status_code} {response.content[:300]!r}"
                kind = f"{where}: {type(failure).__name__} ({response.status_code})"
                figures.losses.setdefault(kind, f"{str(failure)[:400]}\n{example}")

    try:
        ask()
    except Exception as error:  # a strategy that can make nothing: no body at all can be wrong, say
        if type(error).__name__ not in ("Unsatisfiable", "Unsatisfied"):
            raise


def _point(case: Case, known: Known) -> None:
    for part in (case.body, case.query):
        if isinstance(part, dict) and ("text" in part or "input" in part):
            for name in SPEAKERS:
                part.pop(name, None)
            part.update(known.speaker)
    for name, value in known.path.items():
        if name in case.path_parameters:
            case.path_parameters[name] = value


@contextmanager
def doors(folder: Path) -> Iterator[dict[str, tuple[str, Known]]]:
    """Both services in this process with a quick engine: the address of each, and what it knows."""
    audio, model = folder / "audio", folder / "model.safetensors"
    audio.mkdir()
    (audio / "reference.wav").write_bytes(CLIP)
    (audio / "alto.wav").write_bytes(OTHER_CLIP)
    model.write_bytes(b"weights")
    inference_settings = GptSovitsSettings(model_path=model, audio_path=audio, _env_file=None)
    with served(build_inference(inference_settings, load=FakeEngine(capacity=10_000).loaded)) as inference:
        wait_for(lambda: httpx.get(f"{inference}/health").status_code == 200, seconds=60, what="the engine")
        speaker = httpx.post(f"{inference}/process", files={"audio": CLIP}).json()["speaker_id"]
        settings = GatewaySettings(
            gptsovits_url=inference,
            audio_path=audio,
            output_path=folder / "output",
            max_jobs_queued=100_000,
            _env_file=None,
        )
        with served(build_gateway(settings)) as gateway:
            job = httpx.post(f"{gateway}/tts", json={"text": "One. Two."}, timeout=30).headers["X-Job-Id"]
            yield {
                "inference": (
                    inference,
                    Known({"reference_audio": "reference.wav"}, {"speaker_id": speaker}),
                ),
                "gateway": (gateway, Known({}, {"job_id": job, "name": "alto"})),
            }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=300, help="requests to each operation")
    options = parser.parse_args()
    n_losses = 0
    with tempfile.TemporaryDirectory() as folder, doors(Path(folder)) as found:
        for name, (url, known) in found.items():
            figures = run(url, known, n_examples=options.examples)
            print(
                f"{name}: {figures.n_requests} requests to {figures.n_operations} operations "
                f"in {figures.seconds:.0f} s; {dict(sorted(figures.statuses.items()))}"
            )
            for what, example in figures.losses.items():
                print(f"LOST: {what}\n{example}\n", file=sys.stderr)
            n_losses += len(figures.losses)
    return 1 if n_losses else 0


if __name__ == "__main__":
    sys.exit(main())
