"""`gptsovits`: the model on the command line. Each subcommand is a module of `comps.gptsovits.commands`.

A command module offers `add_parser(subparsers)`, which names itself, and `run(args) -> int`, the exit status.
Importing it costs nothing: what is heavy is imported in `run`.
"""

import argparse
import importlib
import logging
import pkgutil
import sys
from collections.abc import Sequence

from comps.cores.errors import InputError, SovitsError
from comps.gptsovits import commands

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 is success, 2 what the caller can mend, 1 what they cannot."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        status: int = args.run(args)
    except SovitsError as error:
        print(f"gptsovits {args.command}: {error}", file=sys.stderr)
        return MISUSED if isinstance(error, InputError) else FAILED
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gptsovits", description="Voice cloning with GPT-SoVITS models.")
    parser.add_argument("--verbose", action="store_true", help="log what is being done")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda found: found.name):
        command = importlib.import_module(f"{commands.__name__}.{module.name}")
        if hasattr(command, "add_parser"):
            before = set(subparsers.choices)
            command.add_parser(subparsers)
            for name in set(subparsers.choices) - before:
                subparsers.choices[name].set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
