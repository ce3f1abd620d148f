"""Handle: the caller's end of a request."""

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType

from comps.cores.errors import Cancelled
from comps.gptsovits.engine.request import AudioChunk


class Handle:
    """An async iterator over a request's audio, in the event loop that submitted it.

    Chunks that nobody has read yet wait here: a slow reader does not hold up the engine, and what can wait is
    bounded by the request's own audio. One reader at a time.
    """

    def __init__(
        self,
        *,
        seed: int,
        sample_rate: int,
        segments_total: int,
        expected_seconds: float,
        segment_texts: Sequence[str] = (),
        cancel: Callable[["Handle"], None],
    ) -> None:
        self.id = uuid.uuid4().hex
        self.seed = seed
        self.sample_rate = sample_rate
        self.segments_total = segments_total
        self.expected_seconds = expected_seconds  # of audio, as far as the text tells
        self.segment_texts = tuple(segment_texts)  # as written, for subtitles
        self.warnings: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._cancel = cancel
        self._chunks: deque[AudioChunk] = deque()
        self._news = asyncio.Event()
        self._is_over = False
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._is_cancelled = False
        self.is_deaf = False  # nobody listens any more: the event loop is gone

    def __aiter__(self) -> "Handle":
        return self

    async def __anext__(self) -> AudioChunk:
        """The next chunk. Raises what the request failed with, after the audio made before that."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._is_over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._chunks.popleft()

    def cancel(self) -> None:
        """Stops the request within one step of the engine; from any thread, as often as you like.

        Whoever still iterates gets `Cancelled`. After the end nothing happens.
        """
        with self._lock:
            if self._is_cancelled:
                return
            self._is_cancelled = True
        self._cancel(self)

    async def __aenter__(self) -> "Handle":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_over:
            self.cancel()

    # The worker's side. Each call travels to the event loop; when that is closed nobody listens any more.

    def deliver(self, chunk: AudioChunk) -> None:
        self._post(self._receive, chunk)

    def warn(self, text: str) -> None:
        self._post(self.warnings.append, text)

    def end(self, error: BaseException | None = None) -> None:
        self._post(self._finish, error)

    def _post(self, call: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed
            self.is_deaf = True

    def _receive(self, chunk: AudioChunk) -> None:
        self._chunks.append(chunk)
        self._news.set()

    def _finish(self, error: BaseException | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        if isinstance(error, Cancelled):
            self._chunks.clear()  # whoever cancels wants no more of it
        self._error = error
        self._news.set()
