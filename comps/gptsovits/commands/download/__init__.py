"""`gptsovits download`: the official weights from the model hub."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from comps.cores.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from comps.gptsovits.commands.download.fetch import Fetcher, Receipt
    from comps.gptsovits.commands.download.plan import Item
    from comps.gptsovits.versions import Version

RECEIPTS = ".downloads.json"
FAILED = 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "download",
        help="fetch the official weights",
        description="Fetches the official GPT-SoVITS weights (MIT) and what they need. Interrupted downloads "
        "go on where they stopped; files that are there stay. Sizes and digests are the hub's own.",
    )
    parser.add_argument(
        "--version",
        dest="model_version",
        action="append",
        metavar="VERSION",
        help="v1 v2 v2Pro v2ProPlus v3 v4 or all; may be repeated (default: v2ProPlus)",
    )
    parser.add_argument("--folder", type=Path, default=Path("models"), help="where to (default: models)")
    parser.add_argument("--mirror", metavar="URL", help="a mirror of the hub, such as https://hf-mirror.com")
    parser.add_argument("--revision", default="main", help="branch, tag or commit on the hub (default: main)")
    parser.add_argument("--no-chinese", action="store_true", help="leave out the text encoder, 0.6 GiB")
    parser.add_argument(
        "--g2pw", action="store_true", help="also g2pW, 0.6 GiB: better readings of Chinese (extra g2pw)"
    )
    parser.add_argument("--verify", action="store_true", help="check every byte of files that are there, too")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--parallel", type=int, default=3, metavar="N", help="files at a time (default: 3)")


def run(args: argparse.Namespace, *, sleep: Callable[[float], None] = time.sleep) -> int:
    from comps.gptsovits.commands.download.fetch import Fetcher, read_receipts
    from comps.gptsovits.commands.download.hub import HUB, Hub
    from comps.gptsovits.commands.download.manifest import files_for
    from comps.gptsovits.commands.download.plan import check_room, human, planned

    if not 1 <= args.parallel <= 16:
        raise InvalidOption("--parallel is from 1 to 16")
    if args.mirror is not None and not args.mirror.startswith(("https://", "http://")):
        raise InvalidOption(f"a mirror is an address such as https://hf-mirror.com, not {args.mirror!r}")
    if args.g2pw and args.no_chinese:
        raise InvalidOption("--g2pw reads with the text encoder's vocabulary: leave out --no-chinese")
    files = files_for(_versions(args.model_version), chinese=not args.no_chinese, g2pw=args.g2pw)
    hub = Hub(args.mirror or HUB, revision=args.revision)
    try:
        receipts = read_receipts(args.folder / RECEIPTS)
        items = planned(hub, args.folder, files, receipts, verify=args.verify)
        for item in items:
            print(_line(item))
        missing = [item for item in items if not item.is_there]
        total = sum(item.missing_bytes for item in missing)
        print(f"{len(items) - len(missing)} files are there, {len(missing)} are missing ({human(total)})")
        unknown = [item for item in missing if item.facts is None]
        if args.dry_run:
            return 0
        check_room(args.folder, missing)
        fetcher = Fetcher(hub, args.folder, sleep=sleep)
        known = [item for item in missing if item.facts is not None]
        failures = _fetch_all(fetcher, known, total, args.folder, receipts, parallel=args.parallel)
        failures += [f"{item.file.path}: {item.remark}" for item in unknown]
    finally:
        hub.close()
    for failure in failures:
        print(failure, file=sys.stderr)
    return FAILED if failures else 0


def _versions(names: list[str] | None) -> list[Version]:
    from comps.gptsovits.versions import Version

    if names and any(name.lower() == "all" for name in names):
        return list(Version)
    try:
        return [Version.parse(name) for name in names or ["v2ProPlus"]]
    except ValueError as error:
        raise InvalidOption(str(error)) from error


def _line(item: Item) -> str:
    from comps.gptsovits.commands.download.plan import human

    size = human(item.facts.size) if item.facts is not None and item.facts.size is not None else "?"
    state = "there" if item.is_there else "missing"
    return f"{state:8}{size:>10}  {item.file.path}" + (f"  ({item.remark})" if item.remark else "")


def _fetch_all(
    fetcher: Fetcher,
    items: list[Item],
    total: int,
    folder: Path,
    receipts: dict[str, Receipt],
    *,
    parallel: int,
) -> list[str]:
    """Fetches several at a time and returns what went wrong, in words."""
    from tqdm import tqdm

    from comps.gptsovits.commands.download.fetch import write_receipts
    from comps.gptsovits.commands.download.hub import DownloadFailed

    failures: list[str] = []
    lock, is_stopping = threading.Lock(), threading.Event()
    with (
        tqdm(total=total, unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False) as bar,
        ThreadPoolExecutor(max_workers=parallel) as pool,
    ):

        def progress(gained: int) -> None:
            if is_stopping.is_set():
                raise DownloadFailed("stopped")
            with lock:
                bar.update(gained)

        def fetch(item: Item) -> Receipt:
            assert item.facts is not None
            return fetcher.fetch(item.file, item.facts, progress)

        waiting = [(item, pool.submit(fetch, item)) for item in items]
        try:
            for item, future in waiting:
                try:
                    receipts[item.file.path] = future.result()
                except (DownloadFailed, OSError) as error:
                    failures.append(f"{item.file.path}: {error}")
                    continue
                write_receipts(folder / RECEIPTS, receipts)
                tqdm.write(f"fetched {item.file.path}")
        except BaseException:
            is_stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures
