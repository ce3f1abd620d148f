"""What clips sound like, as digests; those that came before are not decoded again."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from comps.constants import MIB
from comps.cores.audio.decoding import ClipLimits, decode
from comps.cores.audio.digest import sound_digest, source_digest

MAX_KNOWN = 1_024
# More than this is hashed beside the event loop: it would hold up others for a millisecond.
MAX_BYTES_AT_ONCE = MIB


class Sounds:
    def __init__(self, limits: ClipLimits) -> None:
        self._limits = limits
        self._known: OrderedDict[str, str] = OrderedDict()  # file's digest → sound's, least used first

    async def of(self, files: Sequence[bytes]) -> tuple[str, ...]:
        """The digests of the files' sounds, each decoded once. Raises `InvalidAudio` and its kinds."""
        if sum(map(len, files)) <= MAX_BYTES_AT_ONCE:
            sources = [source_digest(file) for file in files]
        else:
            sources = await asyncio.to_thread(lambda: [source_digest(file) for file in files])
        fresh = [
            (source, file) for source, file in zip(sources, files, strict=True) if source not in self._known
        ]
        if fresh:
            digests = await asyncio.to_thread(lambda: [self._digest(file) for _, file in fresh])
            self._known.update((source, digest) for (source, _), digest in zip(fresh, digests, strict=True))
        sounds = []
        for source in sources:
            sounds.append(self._known[source])
            self._known.move_to_end(source)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return tuple(sounds)

    def _digest(self, file: bytes) -> str:
        return sound_digest(decode(file, self._limits))
