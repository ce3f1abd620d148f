"""A stream that several want at once, made once: each hears all of it, from the start, at their own pace."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

# Pieces that may wait for the quickest listener before the source waits too.
WAITING_ITEMS = 64
# What is remembered of a stream: for who joins late, and for who is slow.
MAX_BYTES = 32 * 1024 * 1024


@dataclass(eq=False)
class _Place:
    position: int = 0


class _Song(Generic[Item]):
    """One stream under way, and how far each of its listeners is."""

    def __init__(
        self, source: AsyncGenerator[Item, None], *, size: Callable[[Item], int], max_bytes: int
    ) -> None:
        self.places: set[_Place] = set()
        self.error: BaseException | None = None
        self.is_over = False
        self._source = source
        self._size = size
        self._max_bytes = max_bytes
        self._items: deque[Item] = deque()
        self._first = 0  # position of the first item that is still remembered
        self._n_bytes = 0
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._pump())

    @property
    def can_be_joined(self) -> bool:
        """While its beginning is remembered, and nothing has gone wrong."""
        return self._first == 0 and self.error is None

    async def listen(self, place: _Place) -> AsyncGenerator[Item, None]:
        while True:
            while place.position < self._end:
                item = self._items[place.position - self._first]
                place.position += 1
                self._tell()
                yield item
            if self.is_over:
                if self.error is not None:
                    raise self.error
                return
            await self._news.wait()

    async def leave(self, place: _Place) -> None:
        """The last to leave stops the source."""
        self.places.discard(place)
        self._tell()
        if not self.places:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def _end(self) -> int:
        return self._first + len(self._items)

    async def _pump(self) -> None:
        try:
            async with aclosing(self._source) as source:
                async for item in source:
                    self._items.append(item)
                    self._n_bytes += self._size(item)
                    self._tell()
                    while self._must_wait():
                        await self._news.wait()
        except BaseException as error:
            self.error = error
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self.is_over = True
            self._tell()

    def _must_wait(self) -> bool:
        """The source goes as fast as the quickest listener, until a slow one makes too much be remembered."""
        if not self.places:
            return True
        if self._n_bytes > self._max_bytes:
            self._forget()
        ahead = self._end - max(place.position for place in self.places)
        return ahead >= WAITING_ITEMS or self._n_bytes > self._max_bytes

    def _forget(self) -> None:
        """What everybody has heard; from then on nobody can join."""
        heard = min(place.position for place in self.places)
        while self._first < heard:
            self._n_bytes -= self._size(self._items.popleft())
            self._first += 1

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Choir(Generic[Item]):
    """Songs by key. One listener's leaving does not take the song from the others."""

    def __init__(self, *, size: Callable[[Item], int], max_bytes: int = MAX_BYTES) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._songs: dict[str, _Song[Item]] = {}

    async def join(
        self, key: str, make: Callable[[], AsyncGenerator[Item, None]]
    ) -> AsyncGenerator[Item, None]:
        """Everything of the stream under way for `key`, or of a new one from `make`."""
        song = self._songs.get(key)
        if song is None or not song.can_be_joined:
            song = self._songs[key] = _Song(make(), size=self._size, max_bytes=self._max_bytes)
        place = _Place()
        song.places.add(place)
        try:
            async with aclosing(song.listen(place)) as items:
                async for item in items:
                    yield item
        finally:
            if len(song.places) == 1 and self._songs.get(key) is song:
                del self._songs[key]
            await song.leave(place)
