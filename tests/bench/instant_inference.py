"""An inference service that answers at once: what a gateway costs shows against it, and nothing else.

Run as `python -m tests.bench.instant_inference PORT`. The audio of a text is noise made of its digest, in
frames of a quarter of a second, so that whoever knows the text knows every byte.
"""

import base64
import hashlib
import json
import sys
from typing import Any

import numpy as np
import uvicorn

from comps.constants import SAMPLE_RATE_HEADER, SEED_HEADER, SEGMENTS_HEADER
from comps.cores.proto import frames
from comps.cores.proto.frames import Frame, pack

RATE = 24_000
FRAME_SAMPLES = RATE // 4
MODEL = {"id": "instant", "version": "v2", "fingerprint": "0" * 16, "languages": ["en"], "sample_rate": RATE}
QUEUE = {"running": 0, "waiting": 0, "capacity": 1_000}
HEALTH = {"status": "ok", "model": MODEL, "device": "cpu", "dtype": "float32", "queue": QUEUE}
SPEAKER = {
    "speaker_id": "nobody",
    "model": "instant",
    "fingerprint": MODEL["fingerprint"],
    "seconds": 4.0,
    "prompt_text": None,
    "prompt_language": None,
    "profile": base64.b64encode(b"profile").decode(),
}
HEADERS = {SAMPLE_RATE_HEADER: str(RATE), SEED_HEADER: "1", SEGMENTS_HEADER: "1"}


def audio_of(text: str) -> bytes:
    """16-bit samples; `text` may begin with how many seconds it takes."""
    seconds = float(text.split(" ")[0])
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    noise = np.random.default_rng(seed).integers(-9_000, 9_000, round(seconds * RATE))
    return noise.astype("<i2").tobytes()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    match scope["path"]:
        case "/tts":
            await _stream(json.loads(body)["text"], send)
        case "/process":
            await _reply(SPEAKER, send)
        case _:
            await _reply(HEALTH, send)


async def _stream(text: str, send: Any) -> None:
    await send(_start(frames.MEDIA_TYPE, HEADERS))
    audio, size = audio_of(text), 2 * FRAME_SAMPLES
    for start in range(0, len(audio), size):
        frame = Frame(segments_total=1, text=text if start == 0 else None)
        data = pack(frame, audio[start : start + size])
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": pack(Frame(end=True, segments_total=1))})


async def _reply(value: dict[str, Any], send: Any) -> None:
    await send(_start("application/json", {}))
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


def _start(media_type: str, headers: dict[str, str]) -> dict[str, Any]:
    pairs = {"content-type": media_type, **headers}
    found = [(name.lower().encode(), value.encode()) for name, value in pairs.items()]
    return {"type": "http.response.start", "status": 200, "headers": found}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)  # type: ignore[arg-type]
