"""Where a clip that a request names may come from: the audio folder, the request itself, an allowed host."""

import base64
import binascii
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from comps.constants import CONTAINER_AUDIO_ROOT, MAX_BODY_BYTES
from comps.cores.audio.remote import RemoteClips
from comps.cores.errors import (
    BodyTooLarge,
    FileMissing,
    InvalidAudio,
    InvalidOption,
    PathOutsideRoot,
    UrlRefused,
)


@dataclass(frozen=True)
class AudioRoot:
    """The one folder that requests may read clips from. Nothing outside is ever opened, links included."""

    path: Path
    max_bytes: int = MAX_BODY_BYTES
    remote: RemoteClips = field(default_factory=RemoteClips)

    def read(self, reference: str) -> bytes:
        """The bytes of a `data:` URI, of a URL of an allowed host, or of a file below the folder.

        Raises `PathOutsideRoot`, `FileMissing`, `BodyTooLarge`, `InvalidAudio`, `InvalidOption`, `UrlRefused`
        or `UrlUnreadable`.
        """
        if reference.startswith("data:"):
            return read_data_uri(reference)
        if reference[:8].lower().startswith(("http://", "https://")):
            if not self.remote.hosts:
                raise UrlRefused("URLs are not read here: no host is allowed; upload the clip instead")
            return self.remote.fetch(reference)
        if "://" in reference[:16]:
            raise InvalidOption("only http and https URLs can be read; upload the clip instead")
        return read_regular(self.locate(reference), self.max_bytes)

    def locate(self, reference: str) -> Path:
        """The file that `reference` names: `x.wav`, `audio/x.wav` and `/app/audio/x.wav` are the same one."""
        if not reference.strip() or "\0" in reference:
            raise InvalidOption("the path of the reference clip is empty or holds a NUL")
        root = self.path.resolve()
        relative = self._relative(PurePosixPath(reference.replace("\\", "/")), root)
        try:
            path = (root / relative).resolve()
        except (OSError, RuntimeError) as error:  # too long a name, a loop of links
            raise FileMissing(f"{shown(reference)} is not in the audio folder") from error
        if not path.is_relative_to(root):
            raise PathOutsideRoot(f"{shown(reference)} leads out of the audio folder")
        try:
            is_file = path.is_file()
        except OSError:
            is_file = False
        if not is_file:
            raise FileMissing(f"{shown(reference)} is not in the audio folder")
        return path

    def _relative(self, path: PurePosixPath, root: Path) -> PurePosixPath:
        if path.is_absolute():
            for prefix in (PurePosixPath(CONTAINER_AUDIO_ROOT), PurePosixPath(root.as_posix())):
                if path.is_relative_to(prefix):
                    return path.relative_to(prefix)
            raise PathOutsideRoot(f"{shown(str(path))} is outside the audio folder")
        if path.parts and path.parts[0] in ("audio", root.name) and not (root / path.parts[0]).is_dir():
            return PurePosixPath(*path.parts[1:])
        return path


def read_regular(path: Path, max_bytes: int) -> bytes:
    """A file's bytes, if it is a plain one; what it has become since it was looked at counts.

    Raises `FileMissing` or `BodyTooLarge`.
    """
    try:
        # Never waits for a pipe's other end, and never follows a link that was put there meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileMissing(f"{shown(path.name)} cannot be read") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileMissing(f"{shown(path.name)} is not a file")
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise BodyTooLarge(f"{shown(path.name)} is larger than {max_bytes} bytes")
    return data


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path, links followed, is below a folder."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # too long a name, a loop of links
        return False


def read_data_uri(uri: str) -> bytes:
    """The bytes of `data:audio/wav;base64,…`."""
    head, comma, body = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidOption("a data: URI must look like data:audio/wav;base64,…")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidAudio("the data: URI does not hold valid base64") from error


def shown(reference: str) -> str:
    """A path as an error may show it: short, quoted, and never a whole upload."""
    return repr(reference if len(reference) <= 80 else reference[:77] + "...")
