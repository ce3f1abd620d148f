"""What there is to do before anything is downloaded: which files are there, which are needed, what room."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from comps.gptsovits.commands.download.fetch import Receipt, verified
from comps.gptsovits.commands.download.hub import DownloadFailed, Hub, NotThere, RemoteFacts
from comps.gptsovits.commands.download.manifest import RemoteFile

# Left free on the disk, for everything else that writes to it.
ROOM_BYTES = 256 << 20


@dataclass(frozen=True)
class Item:
    """One file and what is to become of it."""

    file: RemoteFile
    facts: RemoteFacts | None  # None: the hub did not say
    is_there: bool
    remark: str = ""

    @property
    def missing_bytes(self) -> int:
        return 0 if self.is_there or self.facts is None else self.facts.size or 0


def planned(
    hub: Hub,
    folder: Path,
    files: Iterable[RemoteFile],
    receipts: dict[str, Receipt],
    *,
    verify: bool,
) -> list[Item]:
    """Asks the hub about every file. A file that is there stays, unless it is not what the hub has."""
    items = []
    for file in files:
        try:
            facts = hub.facts(file)
        except NotThere as error:
            if not file.is_optional:
                items.append(Item(file, None, (folder / file.path).is_file(), str(error)))
            continue
        except DownloadFailed as error:
            items.append(_without_hub(folder, file, receipts.get(file.path), str(error), verify=verify))
            continue
        items.append(_compared(folder, file, facts, verify=verify))
    return items


def _compared(folder: Path, file: RemoteFile, facts: RemoteFacts, *, verify: bool) -> Item:
    path = folder / file.path
    if not path.is_file():
        return Item(file, facts, False)
    if facts.size is not None and path.stat().st_size != facts.size:
        return Item(file, facts, False, f"there, but of {path.stat().st_size:,} bytes")
    if verify:
        try:
            verified(path, file, facts, deeply=True)
        except DownloadFailed as error:
            return Item(file, facts, False, str(error))
    return Item(file, facts, True, "verified" if verify else "")


def _without_hub(
    folder: Path, file: RemoteFile, receipt: Receipt | None, problem: str, *, verify: bool
) -> Item:
    path = folder / file.path
    if not path.is_file():
        return Item(file, None, False, problem)
    known = RemoteFacts("", receipt.size, receipt.sha256) if receipt is not None else RemoteFacts("")
    if verify:
        try:
            verified(path, file, known, deeply=True)
        except DownloadFailed as error:
            return Item(file, None, False, str(error))
        return Item(file, None, True, "verified, without the hub")
    return Item(file, None, True, "the hub cannot be reached")


def check_room(folder: Path, items: Iterable[Item]) -> None:
    """Raises `DownloadFailed` where the disk has no room for what is missing."""
    needed = sum(item.missing_bytes - _begun(folder, item) for item in items)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > max(0, free - ROOM_BYTES):
        raise DownloadFailed(
            f"{human(needed)} are needed, and {human(free)} are free where {folder} is; "
            f"{human(ROOM_BYTES)} should stay free"
        )


def _begun(folder: Path, item: Item) -> int:
    part = (folder / item.file.path).with_name(f".{item.file.name}.part")
    return min(part.stat().st_size, item.missing_bytes) if part.is_file() else 0


def human(n_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.2f} GiB"
