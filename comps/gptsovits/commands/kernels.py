"""`gptsovits kernels`: compiles what speaks fast, before anyone waits for it."""

from __future__ import annotations

import argparse
import itertools

from comps.cores.errors import ModelNotReady


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("kernels", help="compile what decodes tokens and frames, if it is not yet")
    parser.add_argument(
        "--bundle", action="store_true", help="for every kind of processor, into the package: for an image"
    )


def run(args: argparse.Namespace) -> int:
    import subprocess

    from comps.gptsovits.native import build

    folder = build.BUNDLED if args.bundle else build.cache_folder()
    levels = build.levels_here() if args.bundle else (build.this_level(),)
    for level, part in itertools.product(levels, build.PARTS):
        try:
            file = build.find_library(level, part, cache=folder) or build.build_library(level, folder, part)
        except (OSError, subprocess.SubprocessError) as error:
            raise ModelNotReady(
                f"no compiled code: {error}; torch decodes instead", missing=build.PARTS[part][0]
            ) from error
        print(f"{level:8} {file}")
    return 0
