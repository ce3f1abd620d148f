"""The speakers whose profiles are in memory: least recently used out first, by bytes."""

from collections import OrderedDict
from dataclasses import dataclass

from comps.cores.errors import SpeakerUnknown
from comps.gptsovits.voice import Voice


@dataclass(frozen=True)
class Speaker:
    voice: Voice
    warnings: tuple[str, ...] = ()

    @property
    def n_bytes(self) -> int:
        return len(self.voice.to_bytes())


class Speakers:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._by_id: OrderedDict[str, Speaker] = OrderedDict()
        self._by_clip: dict[str, str] = {}  # the clip's key → the speaker's id
        self._n_bytes = 0
        self.hits = 0
        self.misses = 0

    @property
    def n_bytes(self) -> int:
        return self._n_bytes

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, speaker_id: str) -> bool:
        return speaker_id in self._by_id

    def get(self, speaker_id: str) -> Speaker:
        """The speaker, from now on the most recently used. Raises `SpeakerUnknown`."""
        try:
            self._by_id.move_to_end(speaker_id)
        except KeyError:
            raise SpeakerUnknown(
                f"no speaker {speaker_id[:80]!r} is loaded: process the clip again"
            ) from None
        return self._by_id[speaker_id]

    def of_clip(self, clip_key: str) -> Speaker | None:
        speaker_id = self._by_clip.get(clip_key)
        if speaker_id is None or speaker_id not in self._by_id:
            self.misses += 1
            return None
        self.hits += 1
        return self.get(speaker_id)

    def add(self, speaker: Speaker, *, clip_key: str | None = None) -> None:
        """Keep `speaker`; others leave if the memory is needed, but never this one."""
        self.forget(speaker.voice.id)
        self._by_id[speaker.voice.id] = speaker
        self._n_bytes += speaker.n_bytes
        if clip_key:
            self._by_clip[clip_key] = speaker.voice.id
        while self._n_bytes > self._max_bytes and len(self._by_id) > 1:
            self.forget(next(iter(self._by_id)))

    def forget(self, speaker_id: str) -> bool:
        """Whether there was such a speaker."""
        speaker = self._by_id.pop(speaker_id, None)
        if speaker is None:
            return False
        self._n_bytes -= speaker.n_bytes
        self._by_clip = {clip: known for clip, known in self._by_clip.items() if known != speaker_id}
        return True
