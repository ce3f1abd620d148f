"""Clips and servers for the tests of both services."""

import asyncio
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import numpy as np
import soundfile
import uvicorn
from fastapi import FastAPI

RATE = 16_000


def voiced(seconds: float = 4.0, *, pitch: float = 140.0, level: float = 0.3) -> np.ndarray:
    """Something like a voice: harmonics of `pitch` under a syllable-like envelope."""
    t = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * n * t) / n for n in range(1, 12))
    return (level * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3.5 * t)) / 2).astype(np.float32)


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="WAV", subtype="PCM_16")
    return out.getvalue()


CLIP = wav(voiced())
OTHER_CLIP = wav(voiced(pitch=210.0))


def hang_up(url: str, *, when: Callable[[], bool], **request: Any) -> None:
    """Post to `url`, and leave as soon as `when` holds, before there is any reply."""

    async def main() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            posting = asyncio.create_task(client.post(url, **request))
            while not when():
                assert not posting.done(), posting.result().text
                await asyncio.sleep(0.01)
            posting.cancel()
            with suppress(asyncio.CancelledError):
                await posting

    asyncio.run(main())


class _Server(uvicorn.Server):
    """Told to end, it does not finish its tenth of a second first."""

    async def main_loop(self) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        ticking = asyncio.ensure_future(super().main_loop())
        told = asyncio.ensure_future(self._told.wait())
        await asyncio.wait({ticking, told}, return_when=asyncio.FIRST_COMPLETED)
        ticking.cancel()
        told.cancel()

    def end(self) -> None:
        self.should_exit = True
        with suppress(AttributeError, RuntimeError):  # it may not have begun, or have ended already
            self._loop.call_soon_threadsafe(self._told.set)


@contextmanager
def served(app: FastAPI, *, port: int = 0) -> Iterator[str]:
    """`app` behind a real socket on loopback; gives its URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    server = _Server(config)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        thread.join(10)
        listener.close()
