"""The gateway's HTTP, as a client needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError

from comps.constants import JOB_ID_HEADER
from comps.cores.proto.jobs import JobView
from comps.cores.proto.problems import Problem
from comps.cores.proto.voices import VoiceList

CONNECT_SECONDS = 5.0


class GatewayRefused(Exception):
    """The gateway's own words for what is wrong, or that it cannot be reached."""


class GatewayClient:
    def __init__(self, url: str, key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Speaking takes as long as it takes: whoever waits may stop it.
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        self._client = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def __enter__(self) -> "GatewayClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def voices(self) -> VoiceList:
        return VoiceList.model_validate_json(self._asked("GET", "/voices").content)

    def start(self, fields: dict[str, Any], clip: Path | None = None) -> JobView:
        """A job that says it, accepted and in the queue."""
        return JobView.model_validate_json(
            self._asked("POST", "/tts", fields | {"async": True}, clip).content
        )

    @contextmanager
    def stream(
        self, fields: dict[str, Any], clip: Path | None = None
    ) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The job's id and its audio, as it is made. Leaving early cancels it."""
        with self._opened("POST", "/tts", **_body(fields, clip)) as reply:
            yield reply.headers[JOB_ID_HEADER], reply.iter_bytes()

    def events(self, job_id: str) -> Iterator[JobView]:
        """How the job stands, each time that changes, to its end."""
        with self._opened("GET", f"/status/{job_id}/events") as reply:
            for line in reply.iter_lines():
                if line.startswith("data: "):
                    yield JobView.model_validate_json(line.removeprefix("data: "))

    def save(self, job_id: str, path: Path) -> None:
        """The finished job's audio, into a file."""
        with self._opened("GET", f"/status/{job_id}/audio") as reply, path.open("wb") as file:
            for data in reply.iter_bytes():
                file.write(data)

    def cancel(self, job_id: str) -> None:
        self._asked("DELETE", f"/status/{job_id}")

    def _asked(
        self, method: str, path: str, fields: dict[str, Any] | None = None, clip: Path | None = None
    ) -> httpx.Response:
        with _translated():
            reply = self._client.request(method, path, **_body(fields, clip))
        return _checked(reply)

    @contextmanager
    def _opened(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        with _translated(), self._client.stream(method, path, **options) as reply:
            if reply.status_code >= 400:
                reply.read()
            yield _checked(reply)


def _body(fields: dict[str, Any] | None, clip: Path | None) -> dict[str, Any]:
    if fields is None:
        return {}
    if clip is None:
        return {"json": fields}
    return {"data": fields, "files": {"reference_audio": (clip.name, clip.read_bytes())}}


def _checked(reply: httpx.Response) -> httpx.Response:
    if reply.status_code < 400:
        return reply
    try:
        problem = Problem.model_validate_json(reply.content)
    except ValidationError as error:
        raise GatewayRefused(f"the gateway answered {reply.status_code}") from error
    raise GatewayRefused(f"{problem.title}: {problem.detail}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise GatewayRefused(
            "the gateway cannot be reached: is it running, and is the address right?"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise GatewayRefused(f"the connection to the gateway broke: {error}") from error
