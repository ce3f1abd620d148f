"""The folder of models as a catalogue: what is in it, which files make a pair, and what each lacks.

    models/
      starter/model.safetensors             our own form: the folder's name is the model's
      alice/alice-e15.ckpt, alice_e8.pth    an official pair in a folder of its own
      GPT_weights_v2/bob-e15.ckpt           the reference project's tree: pairs are found by
      SoVITS_weights_v2/bob_e8_s96.pth      the experiment's name
      s1v3.ckpt, v2Pro/s2Gv2ProPlus.pth …   the official models, called by their version
      chinese-hubert-base/ …                what they share

A `model.json` in a model's folder may say `{"t2s": …, "decoder": …, "version": …}` where that is not clear.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from comps.cores.errors import AmbiguousCheckpoint, CorruptCheckpoint, SovitsError
from comps.gptsovits.checkpoints.assets import BASES, PATHS, VOCODERS, Asset, Assets
from comps.gptsovits.checkpoints.detect import Detected, Kind, detect
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.versions import FACTS, Version

SUFFIXES = (".ckpt", ".pth", ".safetensors")
MAX_DEPTH = 5
NOTE = "model.json"

# The official T2S networks: which versions each serves.
OFFICIAL_T2S = {
    Version.V1: "s1bert25hz-2kh-longer-epoch=68e-step=50232",
    Version.V2: "s1bert25hz-5kh-longer-epoch=12-step=369668",
    **dict.fromkeys((Version.V2PRO, Version.V2PROPLUS, Version.V3, Version.V4), "s1v3"),
}
_OFFICIAL_DECODERS = ("s2g488k", "s2g2333k", "s2gv3", "s2gv4", "s2gv2pro", "s2gv2proplus")
# alice-e15, alice_e8_s96, alice_e2_s124_l32: an experiment's name and how far it was trained.
_EXPERIMENT = re.compile(r"^(?P<name>.+?)[-_]e(?P<epoch>\d+)(?:_s(?P<step>\d+))?(?:_l\d+)?$")
_WEIGHTS_FOLDER = re.compile(r"^(?:gpt|sovits)_weights(?:_(?P<version>v\w+))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """A model that was found. It can be loaded if it `lacks` nothing and has no `problem`."""

    id: str
    version: Version | None
    file: Path  # our own form, the decoder, or a T2S that has none
    t2s: Path | None = None  # of an official pair
    lacks: tuple[str, ...] = ()  # paths under the folder of models, or what kind of file
    without: tuple[str, ...] = ()  # what would make it better
    problem: str | None = None
    is_lora: bool = False

    @property
    def is_ready(self) -> bool:
        return not self.lacks and self.problem is None

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.file,) if self.t2s is None else (self.t2s, self.file)


@dataclass(frozen=True)
class WeightFile:
    """A file of weights: what it is, or why that cannot be told."""

    path: Path
    detected: Detected | None
    problem: str | None = None


@dataclass
class Scanner:
    """Looks into a folder. Files that have not changed since the last look are not opened again."""

    root: Path
    _known: dict[Path, tuple[int, int, WeightFile]] = field(default_factory=dict)

    def scan(self) -> list[Entry]:
        """Every model under the folder, by name. A file that cannot be read is listed with its problem."""
        files = self.files()
        own = [f for f in files if _kind(f) is Kind.MODEL]
        decoders = [f for f in files if _kind(f) in (Kind.DECODER, Kind.LORA)]
        t2s = [f for f in files if _kind(f) is Kind.T2S]
        broken = [f for f in files if f.detected is None]
        assets = Assets(self.root)
        entries = [self._own(f, assets) for f in own]
        entries += [self._pair(f, t2s, decoders, assets) for f in decoders]
        entries += _without_decoder(t2s, entries, self.root)
        entries += [Entry(f.path.stem, None, f.path, problem=f.problem) for f in broken]
        return sorted(_distinct(entries, self.root), key=lambda entry: entry.id.lower())

    def files(self) -> list[WeightFile]:
        """Every file of weights under the folder that is not shared by all models."""
        return [self._look(path) for path in self._paths()]

    def paired(self, t2s: Path, decoder: Path) -> Entry:
        """The model of these two files, which need not be each other's.

        Raises `CheckpointError` if one of them cannot be read, or they do not fit.
        """
        file = self._look(decoder)
        if file.detected is None:
            raise CorruptCheckpoint(file.problem or decoder.name)
        entry = self._pair(file, [self._look(t2s)], [], Assets(self.root), partner=t2s)
        if entry.problem is not None:
            raise CorruptCheckpoint(entry.problem)
        if entry.t2s is None:
            raise CorruptCheckpoint(
                f"{t2s.name} and {decoder.name} are no pair: the decoder is of {entry.version}"
            )
        return replace(entry, id=f"{decoder.stem}+{t2s.stem}")

    def _paths(self) -> Iterable[Path]:
        if not self.root.is_dir():
            return
        shared = {name for asset in Asset if asset not in BASES.values() for name in PATHS[asset]}
        folders = {name for name in shared if "." not in name.rpartition("/")[2]}
        for path in sorted(self.root.rglob("*")):
            relative = path.relative_to(self.root)
            if path.suffix not in SUFFIXES or len(relative.parts) > MAX_DEPTH or path.name.startswith("."):
                continue
            text = relative.as_posix()
            in_shared = any(text.endswith(name) for name in shared) or folders & set(relative.parts[:-1])
            if not in_shared and path.is_file():
                yield path

    def _look(self, path: Path) -> WeightFile:
        try:
            stat = path.stat()
        except OSError as error:  # gone since the folder was listed
            return WeightFile(path, None, f"{path.name} cannot be read: {error.strerror}")
        known = self._known.get(path)
        if known is not None and known[:2] == (stat.st_size, stat.st_mtime_ns):
            return known[2]
        try:
            with open_checkpoint(path) as checkpoint:
                found = WeightFile(path, detect(checkpoint))
        except SovitsError as error:
            found = WeightFile(path, None, str(error))
        except OSError as error:
            found = WeightFile(path, None, f"{path.name} cannot be read: {error.strerror}")
        self._known[path] = (stat.st_size, stat.st_mtime_ns, found)
        return found

    def _own(self, file: WeightFile, assets: Assets) -> Entry:
        assert file.detected is not None
        name = file.path.parent.name if file.path.stem == "model" else file.path.stem
        version = file.detected.candidates[0]
        with open_checkpoint(file.path) as checkpoint:
            parts = {tensor.partition(".")[0] for tensor in checkpoint.tensors}
        needed = {Asset.CONTENT: "content" not in parts}
        needed[Asset.SPEAKER] = FACTS[version].has_speaker_vector and "speaker" not in parts
        lacks = tuple(
            assets.official(asset)
            for asset, is_needed in needed.items()
            if is_needed and assets.find(asset) is None
        )
        return Entry(name, version, file.path, lacks=lacks)

    def _pair(
        self,
        file: WeightFile,
        t2s: list[WeightFile],
        decoders: list[WeightFile],
        assets: Assets,
        *,
        partner: Path | None = None,
    ) -> Entry:
        """A decoder and its T2S: `partner` if that is given, else the one that it goes with."""
        assert file.detected is not None
        entry = Entry(_name(file, decoders, self.root), None, file.path)
        entry = replace(entry, is_lora=file.detected.kind is Kind.LORA)
        try:
            note = _note(file.path.parent)
            version = _version(file, note)
        except SovitsError as error:
            return replace(entry, problem=str(error))
        if partner is None:
            partner = _partner(file, version, t2s, note)
        elif partner not in _fitting(version, t2s):
            partner = None
        entry = replace(entry, version=version, t2s=partner)
        if _is_official(file.path):
            entry = replace(entry, id=str(version))
        lacks = [] if partner else [_t2s_for(version)]
        wanted = [Asset.CONTENT]
        wanted += [Asset.SPEAKER] if FACTS[version].has_speaker_vector else []
        wanted += [VOCODERS[version]] if version in VOCODERS else []
        wanted += [BASES[version]] if entry.is_lora else []
        lacks += [assets.official(asset) for asset in wanted if assets.find(asset) is None]
        no_text = assets.find(Asset.TEXT) is None
        without = (f"{assets.official(Asset.TEXT)} (for Chinese)",) if no_text else ()
        return replace(entry, lacks=tuple(lacks), without=without)


def _without_decoder(t2s: list[WeightFile], entries: list[Entry], root: Path) -> Iterator[Entry]:
    """The furthest trained T2S of every experiment that no decoder goes with, nor lies beside."""
    served = {_experiment(entry.t2s)[0] for entry in entries if entry.t2s}
    folders = {entry.file.parent for entry in entries}
    furthest: dict[str, WeightFile] = {}
    for file in sorted(t2s, key=lambda file: _experiment(file.path)[1:]):
        furthest[_experiment(file.path)[0]] = file
    for experiment, file in furthest.items():
        if experiment not in served and file.path.parent not in folders:
            assert file.detected is not None
            symbols = FACTS[file.detected.candidates[0]].symbols
            lacks = (f"a decoder file (.pth) of {symbols} symbols",)
            yield Entry(_name(file, t2s, root), None, file.path, lacks=lacks)


def _kind(file: WeightFile) -> Kind | None:
    return file.detected.kind if file.detected is not None else None


def _is_official(path: Path) -> bool:
    return path.stem.lower() in _OFFICIAL_DECODERS


def _name(file: WeightFile, decoders: list[WeightFile], root: Path) -> str:
    """The folder's name if the folder is this decoder's own, else the file's."""
    folder = file.path.parent
    alone = sum(other.path.parent == folder for other in decoders) == 1
    if alone and folder != root and not _WEIGHTS_FOLDER.match(folder.name):
        return folder.name
    return file.path.stem


def _note(folder: Path) -> Mapping[str, str]:
    path = folder / NOTE
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise CorruptCheckpoint(f"{folder.name}/{NOTE} is not JSON") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise CorruptCheckpoint(f"{folder.name}/{NOTE} is not an object of texts")
    return found


def _version(file: WeightFile, note: Mapping[str, str]) -> Version:
    """What the note says, or the file, or the folder's name as the reference project spells it."""
    assert file.detected is not None
    said = note.get("version")
    folder = _WEIGHTS_FOLDER.match(file.path.parent.name)
    hint = said or (folder["version"] if folder and len(file.detected.candidates) > 1 else None)
    try:
        asked = Version.parse(hint) if hint else None
    except ValueError as error:
        raise CorruptCheckpoint(str(error)) from None
    try:
        return file.detected.version(asked, name=file.path.name)
    except AmbiguousCheckpoint as error:
        raise AmbiguousCheckpoint(
            f'{error}: write {{"version": "{file.detected.candidates[-1]}"}} into {NOTE} beside it'
        ) from None


def _partner(
    file: WeightFile, version: Version, t2s: list[WeightFile], note: Mapping[str, str]
) -> Path | None:
    """The T2S of a decoder: the one noted, its neighbour, of its experiment, official, or the only one."""
    if "t2s" in note:
        named = file.path.parent / note["t2s"]
        return named if named.is_file() else None
    fitting = _fitting(version, t2s)
    official = OFFICIAL_T2S[version]
    if _is_official(file.path):
        return next((path for path in fitting if path.stem == official), None)
    neighbours = [path for path in fitting if path.parent == file.path.parent and path.stem != official]
    experiment = _experiment(file.path)[0]
    same = [path for path in fitting if _experiment(path)[0] == experiment]
    for group in (neighbours if len(neighbours) == 1 else [], same):
        if group:
            return max(group, key=lambda path: _experiment(path)[1:])
    base = next((path for path in fitting if path.stem == official), None)
    return base or (fitting[0] if len(fitting) == 1 else None)


def _fitting(version: Version, t2s: list[WeightFile]) -> list[Path]:
    return [f.path for f in t2s if f.detected is not None and version in f.detected.candidates]


def _experiment(path: Path) -> tuple[str, int, int]:
    found = _EXPERIMENT.match(path.stem)
    if found is None:
        return path.stem.lower(), 0, 0
    return found["name"].lower(), int(found["epoch"]), int(found["step"] or 0)


def _t2s_for(version: Version) -> str:
    return f"a T2S file (.ckpt) of {FACTS[version].symbols} symbols, such as {OFFICIAL_T2S[version]}.ckpt"


def _distinct(entries: list[Entry], root: Path) -> list[Entry]:
    """Names made different by the folders they are in."""
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.id] = counts.get(entry.id, 0) + 1
    taken: set[str] = set()
    result = []
    for entry in entries:
        name = entry.id
        if counts[name] > 1:
            name = "-".join(entry.file.relative_to(root).with_suffix("").parts)
        while name in taken:
            name += "-2"
        taken.add(name)
        result.append(replace(entry, id=name))
    return result
