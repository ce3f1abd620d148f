"""Which model speaks for clients of the reference project's APIs, who name none with a request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from comps.cores.errors import ModelNotFound
from comps.cores.proto.speech import SpeechRequest
from services.gptsovits.inference import Inference

if TYPE_CHECKING:
    from comps.gptsovits.checkpoints.switching import Switched


class DoorModels:
    """The model that was chosen by its files; everybody else goes on with the default one."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._chosen: str | None = None
        self._switching = asyncio.Lock()

    async def switch(self, *, t2s: str | None = None, decoder: str | None = None) -> Switched:
        """Load it, then let later requests have it. Raises what can be wrong with the files."""
        async with self._switching:  # the last one asked for is the one that counts
            loaded = self._inference.loaded
            if loaded.others is None:
                raise ModelNotFound(f"there is no other model here than {loaded.health.id!r}")
            switched = await asyncio.to_thread(loaded.others.use, t2s=t2s, decoder=decoder)
            self._chosen = switched.model
            return switched

    @property
    def speaking(self) -> str:
        """The id of the model in use. Raises `ModelNotReady` while there is none."""
        return self._chosen or self._inference.loaded.health.id

    def given(self, body: SpeechRequest) -> SpeechRequest:
        """The request with its model in it: what is chosen while it is served is for those after it."""
        if self._chosen is None or body.model is not None or body.speaker_id is not None:
            return body
        return body.model_copy(update={"model": self._chosen})
