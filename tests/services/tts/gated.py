"""A fake engine that a test holds and lets go."""

import asyncio
import threading

from comps.cores.errors import Cancelled
from tests.services.fakes import FakeEngine, FakeHandle


class GatedEngine(FakeEngine):
    """Waits before each segment that says `[gate]` until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    async def step(self, segment: str, handle: FakeHandle) -> None:
        while "[gate]" in segment and not self.gate.is_set():
            if handle.cancelled:
                raise Cancelled("the request was cancelled")
            await asyncio.sleep(0.02)
        await super().step(segment, handle)
