"""Models by name, several at a time: loaded when asked for, the least used dropped when memory is short."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from comps.cores.errors import ModelNotFound, ModelNotReady
from comps.gptsovits.checkpoints.build import load_model, load_pair
from comps.gptsovits.checkpoints.catalog import Entry, Scanner, WeightFile
from comps.gptsovits.checkpoints.shared import SharedParts
from comps.gptsovits.model import Model

logger = logging.getLogger(__name__)

Signature = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Held:
    model: Model
    signature: Signature  # of the files it came from


class Models:
    """The catalogue of a folder. May be asked from any thread; loading one model blocks nobody else's.

    The default is the entry of that name, or `first`: a model that is loaded already, wherever it came
    from, and never let go. `max_bytes` bounds the weights held together (encoders that models share count
    once); one model is always held. `dropped` is told of each model that is let go, so that whoever runs
    it can let go too: requests under way keep theirs until they end.
    """

    def __init__(
        self,
        root: Path,
        *,
        default: str | None = None,
        first: Model | None = None,
        max_bytes: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        dropped: Callable[[Model], None] | None = None,
    ) -> None:
        self._root = Path(root)
        self._default = default
        self._first = first
        self._max_bytes = max_bytes
        self._device, self._dtype = device, dtype
        self._dropped = dropped
        self._scanner = Scanner(self._root)
        self._shared = SharedParts()
        self._mixed: dict[tuple[Path, Path], Entry] = {}
        self._held: OrderedDict[str, _Held] = OrderedDict()  # the least recently used first
        self._loading: dict[str, Future[Model]] = {}
        self._lock = threading.Lock()
        self._scan_lock = threading.Lock()

    def entries(self) -> list[Entry]:
        """What is in the folder now, and the pairs of its files that were asked for."""
        with self._scan_lock:
            found = self._scanner.scan()
            mixed = [entry for files, entry in self._mixed.items() if all(file.is_file() for file in files)]
        return found + mixed

    def files(self) -> list[WeightFile]:
        """The files of weights in the folder now."""
        with self._scan_lock:
            return self._scanner.files()

    def loaded_ids(self) -> list[str]:
        """The models held: the first, then the least recently used before the others."""
        with self._lock:
            return [model.id for model in self._models()]

    @property
    def n_bytes(self) -> int:
        """Memory of all weights held."""
        with self._lock:
            return _n_bytes(self._models())

    def _models(self) -> list[Model]:
        return [*([self._first] if self._first else []), *(held.model for held in self._held.values())]

    def get(self, model_id: str | None = None) -> Model:
        """The model, loaded now if need be; None means the default.

        Callers who want the same one wait for one loading of it. Raises `ModelNotFound`, `ModelNotReady`
        naming what is missing, or what is wrong with the files.
        """
        if self._first is not None and model_id in (None, self._first.id):
            return self._first
        entry = self._entry(model_id)
        signature = _signature(entry)
        with self._lock:
            held = self._held.get(entry.id)
            if held is not None and held.signature == signature:
                self._held.move_to_end(entry.id)
                return held.model
            loading = self._loading.get(entry.id)
            if loading is None:
                future: Future[Model] = Future()
                self._loading[entry.id] = future
        if loading is not None:
            return loading.result()
        try:
            model = self._load(entry)
        except BaseException as error:
            with self._lock:
                del self._loading[entry.id]
            future.set_exception(error)
            raise
        gone = self._hold(entry.id, _Held(model, signature))
        future.set_result(model)
        for former in gone:
            logger.info("let go of model %s", former.id)
            if self._dropped is not None:
                self._dropped(former)
        return model

    def pair(self, t2s: Path, decoder: Path) -> Entry:
        """The model of these two files, by whose id `get` loads it; a new one if they are not each other's.

        Raises `CheckpointError` if they do not fit.
        """
        entries = self.entries()
        known = next((entry for entry in entries if entry.files == (t2s, decoder)), None)
        if known is not None:
            return known
        with self._scan_lock:
            entry = self._scanner.paired(t2s, decoder)
            taken = {other.id for other in entries} | {other.id for other in self._mixed.values()}
            while entry.id in taken:
                entry = replace(entry, id=f"{entry.id}-2")
            return self._mixed.setdefault((t2s, decoder), entry)

    def drop(self, model_id: str) -> None:
        """Lets go of a model, if it is held."""
        with self._lock:
            held = self._held.pop(model_id, None)
        if held is not None and self._dropped is not None:
            self._dropped(held.model)

    def _entry(self, model_id: str | None) -> Entry:
        entries = self.entries()
        wanted = model_id if model_id is not None else self._default
        if wanted is None:
            ready = [entry for entry in entries if entry.is_ready]
            if not ready:
                raise self._nothing_ready(entries)
            return ready[0]
        found = next((entry for entry in entries if entry.id == wanted), None)
        if found is None:
            known = ", ".join(entry.id for entry in entries) or "none"
            if model_id is None:
                missing = str(self._root / wanted)
                raise ModelNotReady(
                    f"the default model {wanted!r} is missing; there are: {known}", missing=missing
                )
            raise ModelNotFound(f"there is no model {wanted!r}; there are: {known}")
        if found.problem is not None:
            raise ModelNotReady(f"model {found.id!r} cannot be loaded: {found.problem}")
        if found.lacks:
            lacks = ", ".join(found.lacks)
            raise ModelNotReady(f"model {found.id!r} lacks {lacks}", missing=found.lacks[0])
        return found

    def _nothing_ready(self, entries: list[Entry]) -> ModelNotReady:
        if not entries:
            return ModelNotReady(f"there is no model in {self._root}", missing=str(self._root))
        first = entries[0]
        why = first.problem or f"it lacks {', '.join(first.lacks)}"
        return ModelNotReady(
            f"no model can be loaded; {first.id!r}: {why}", missing=first.lacks[0] if first.lacks else None
        )

    def _load(self, entry: Entry) -> Model:
        began = time.monotonic()
        if entry.t2s is None:
            model = load_model(
                entry.file,
                assets=self._root,
                model_id=entry.id,
                device=self._device,
                dtype=self._dtype,
                shared=self._shared,
            )
        else:
            model = load_pair(
                entry.t2s,
                entry.file,
                assets=self._root,
                version=entry.version,
                model_id=entry.id,
                device=self._device,
                dtype=self._dtype,
                shared=self._shared,
            )
        logger.info("loaded model %s (%s) in %.1f s", model.id, model.version, time.monotonic() - began)
        return model

    def _hold(self, model_id: str, held: _Held) -> list[Model]:
        """Puts the model in and returns those that had to go for it."""
        gone = []
        with self._lock:
            if (former := self._held.pop(model_id, None)) is not None:
                gone.append(former.model)
            self._held[model_id] = held
            del self._loading[model_id]
            while self._max_bytes is not None and len(self._held) > 1:
                if _n_bytes(self._models()) <= self._max_bytes:
                    break
                _, oldest = self._held.popitem(last=False)
                gone.append(oldest.model)
        return gone


def _n_bytes(models: list[Model]) -> int:
    networks = {id(network): network for model in models for network in model.networks.values()}
    return sum(
        tensor.numel() * tensor.element_size()
        for network in networks.values()
        for tensor in network.state_dict().values()
    )


def _signature(entry: Entry) -> Signature:
    stats = [file.stat() for file in entry.files]
    return tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
