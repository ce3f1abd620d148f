"""`python -m tests.parity [--manifests DIR] DIR…`: a line for each stored output, then one line of JSON.

`python -m tests.parity --text DIR` compares the text front ends instead (tests/parity/text.py).

Exit status: 0 all pass, 1 an output is off or unsupported, 2 there is nothing to compare.
"""

import argparse
import sys
from pathlib import Path

from tests.parity.case import NotAFolder, find_cases
from tests.parity.report import Result, summary
from tests.parity.runner import check


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["--text"]:
        from tests.parity import text

        return text.main(arguments[1:])
    parser = argparse.ArgumentParser(prog="parity", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="a folder, or a parent of several"
    )
    parser.add_argument(
        "--manifests", type=Path, metavar="DIR", help="tensor names and shapes, for folders without weights"
    )
    options = parser.parse_args(arguments)
    try:
        cases = find_cases(options.folders, options.manifests)
    except NotAFolder as error:
        print(error, file=sys.stderr)
        return 2
    verdicts = []
    for case in cases:
        for verdict in check(case):
            print(verdict.line(), flush=True)
            verdicts.append(verdict)
    print(summary(verdicts))
    return 0 if verdicts and all(v.result is Result.PASS for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
