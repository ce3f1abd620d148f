"""`python -m comps.gptsovits.training all`, or the name of a stage, with that stage's options."""

import argparse
import importlib
import sys

# In the order in which each needs what the ones before it made.
STAGES = ("corpus", "features", "codebook", "t2s", "prefer", "decoder", "export", "evaluate")


def run(stage: str, arguments: list[str]) -> None:
    """One stage, as `python -m comps.gptsovits.training.<stage>` runs it."""
    module = importlib.import_module(f"comps.gptsovits.training.{stage}")
    module.main(arguments)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m comps.gptsovits.training", description=__doc__)
    parser.add_argument("stage", choices=("all", *STAGES))
    parser.add_argument(
        "--corpus", default="corpus", help="folder with metadata.jsonl; made if it is not there"
    )
    parser.add_argument("--work", default="training_work", help="where everything made is kept")
    options, rest = parser.parse_known_args()
    shared = ["--corpus", options.corpus, "--work", options.work]
    if options.stage != "all":
        run(options.stage, ["--corpus", options.corpus, *_work(options.stage, options.work), *rest])
        return
    if rest:
        parser.error(f"`all` takes no options of single stages: {' '.join(rest)}")
    for stage in STAGES:
        print(f"== {stage}", file=sys.stderr)
        run(stage, shared[:2] + _work(stage, options.work))


def _work(stage: str, work: str) -> list[str]:
    """Stages that keep nothing in the work folder have no option for it."""
    return [] if stage in {"corpus", "evaluate"} else ["--work", work]


if __name__ == "__main__":
    main()
