"""A model chosen by its two files, one at a time, as the reference project's clients choose it."""

import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from comps.cores.errors import (
    AmbiguousCheckpoint,
    CheckpointError,
    CorruptCheckpoint,
    FileMissing,
    InvalidOption,
    ModelNotReady,
    PathOutsideRoot,
)
from comps.gptsovits.checkpoints.catalog import Entry, WeightFile
from comps.gptsovits.checkpoints.detect import Kind
from comps.gptsovits.checkpoints.loaded import Models

DECODERS = (Kind.DECODER, Kind.LORA)
NAMES = {Kind.T2S: "a T2S file (.ckpt)", Kind.DECODER: "a decoder file (.pth)"}


@dataclass(frozen=True)
class Switched:
    """The model that speaks from now on; None is the default. `waiting`: a T2S that it cannot take."""

    model: str | None
    waiting: str | None = None


class WeightSwitch:
    """Remembers the two files, and asks `models` for the pair of them. May be asked from any thread.

    A decoder takes the T2S that was chosen last if that fits, else the one that is in use, else its own.
    A T2S that does not fit the decoder in use waits for the next one. What cannot be loaded changes nothing.
    """

    def __init__(self, models: Models, root: Path, *, first: tuple[Path, Path] | None = None) -> None:
        """`first`: T2S and decoder of the model that `models` holds already, if it was made of two files."""
        self._models, self._root, self._first = models, root, first
        self._t2s: Path | None = first[0] if first else None
        self._decoder: Path | None = first[1] if first else None
        self._model: str | None = None
        self._waiting: Path | None = None
        self._lock = threading.Lock()

    def use_t2s(self, name: str) -> Switched:
        """The T2S of that path or name from now on, loaded. Raises what can be wrong with name and file."""
        with self._lock:
            file = self._find(name, (Kind.T2S,))
            if _is_whole(file):
                return self._take_whole(file)
            if self._decoder is not None and (entry := self._fitting(file.path, self._decoder)):
                return self._take(entry)
            self._waiting = file.path
            return Switched(self._model, file.path.name)

    def use_decoder(self, name: str) -> Switched:
        """The decoder of that path or name from now on, loaded. Raises as `use_t2s`."""
        with self._lock:
            file = self._find(name, DECODERS)
            if _is_whole(file):
                return self._take_whole(file)
            for t2s in (self._waiting, self._t2s):
                if t2s is not None and (entry := self._fitting(t2s, file.path)):
                    return self._take(entry)
            own = next((entry for entry in self._models.entries() if entry.file == file.path), None)
            if own is None or own.t2s is None:
                raise ModelNotReady(f"no T2S goes with {file.path.name}: choose one first")
            return self._take(own)

    def use_both(self, t2s: str, decoder: str) -> Switched:
        """Both at once. Raises as `use_t2s`, and `CheckpointError` if they do not fit each other."""
        with self._lock:
            first, second = self._find(t2s, (Kind.T2S,)), self._find(decoder, DECODERS)
            if _is_whole(first) and first == second:
                return self._take_whole(first)
            if _is_whole(first) or _is_whole(second):
                raise InvalidOption("a file with a whole model goes with no other file")
            return self._take(self._entry(first.path, second.path))

    def _take(self, entry: Entry) -> Switched:
        assert entry.t2s is not None
        if (entry.t2s, entry.file) == self._first:
            self._model = None
        else:
            self._model = self._models.get(entry.id).id
        self._t2s, self._decoder, self._waiting = entry.t2s, entry.file, None
        return Switched(self._model)

    def _take_whole(self, file: WeightFile) -> Switched:
        entry = next(entry for entry in self._models.entries() if entry.file == file.path)
        self._model = self._models.get(entry.id).id
        self._t2s = self._decoder = self._waiting = None
        return Switched(self._model)

    def _fitting(self, t2s: Path, decoder: Path) -> Entry | None:
        try:
            return self._entry(t2s, decoder)
        except CheckpointError:
            return None

    def _entry(self, t2s: Path, decoder: Path) -> Entry:
        if (t2s, decoder) == self._first:
            return Entry("", None, decoder, t2s)
        return self._models.pair(t2s, decoder)

    def _find(self, name: str, kinds: tuple[Kind, ...]) -> WeightFile:
        """The file that a path means here: the one whose path ends as it does, or a model's of that name.

        Only files that lie in the folder are compared with it, so that no path leads anywhere else.
        """
        asked = PurePosixPath(name.strip().replace("\\", "/")).parts
        if not asked or "\0" in name:
            raise InvalidOption("the path of the weights is empty or holds a NUL")
        if ".." in asked:
            raise PathOutsideRoot(f"{_shown(name)} leads out of the folder of models")
        inside = self._inside()
        ends = {file.path: _common_end(file.path.relative_to(self._root).parts, asked) for file in inside}
        longest = max(ends.values(), default=0)
        found = [file for file in inside if longest and ends[file.path] == longest]
        exact = [file for file in found if file.path.relative_to(self._root).parts == asked]
        found = exact or found or self._of_model(name.strip(), inside, kinds)
        if not found:
            raise FileMissing(f"{_shown(name)} is not in the folder of models")
        if len(found) > 1:
            paths = " or ".join(file.path.relative_to(self._root).as_posix() for file in found[:4])
            raise AmbiguousCheckpoint(f"{_shown(name)} may be {paths}")
        (file,) = found
        if file.detected is None:
            raise CorruptCheckpoint(file.problem or f"{file.path.name} cannot be read")
        if file.detected.kind not in (*kinds, Kind.MODEL):
            raise InvalidOption(f"{file.path.name} is a {file.detected.kind}, not {NAMES[kinds[0]]}")
        return file

    def _inside(self) -> list[WeightFile]:
        """The files of the folder, without those that are links to elsewhere."""
        root = self._root.resolve()
        return [file for file in self._models.files() if file.path.resolve().is_relative_to(root)]

    def _of_model(self, name: str, inside: list[WeightFile], kinds: tuple[Kind, ...]) -> list[WeightFile]:
        entry = next((entry for entry in self._models.entries() if entry.id == name), None)
        if entry is None:
            return []
        wanted = entry.t2s if entry.t2s is not None and kinds == (Kind.T2S,) else entry.file
        return [file for file in inside if file.path == wanted]


def _is_whole(file: WeightFile) -> bool:
    return file.detected is not None and file.detected.kind is Kind.MODEL


def _common_end(path: tuple[str, ...], asked: tuple[str, ...]) -> int:
    """How many of the last parts of two paths are the same."""
    n_same = 0
    for mine, theirs in zip(reversed(path), reversed(asked), strict=False):
        if mine != theirs:
            break
        n_same += 1
    return n_same


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")
