"""`gptsovits kernels`: compiles what decodes tokens, before anyone waits for it."""

from __future__ import annotations

import argparse

from comps.cores.errors import ModelNotReady


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("kernels", help="compile the step that decodes tokens, if it is not yet")
    parser.add_argument(
        "--bundle", action="store_true", help="for every kind of processor, into the package: for an image"
    )


def run(args: argparse.Namespace) -> int:
    import subprocess

    from comps.gptsovits.native import build

    folder = build.BUNDLED if args.bundle else build.cache_folder()
    for level in build.levels_here() if args.bundle else (build.this_level(),):
        try:
            file = build.find_library(level, cache=folder) or build.build_library(level, folder)
        except (OSError, subprocess.SubprocessError) as error:
            raise ModelNotReady(
                f"no compiled step: {error}; torch decodes instead", missing=build.SOURCES[0]
            ) from error
        print(f"{level:8} {file}")
    return 0
