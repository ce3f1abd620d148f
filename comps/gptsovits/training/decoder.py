"""Stage `decoder`: both halves in turn. On a machine with two cores, run them beside each other instead:

    python -m comps.gptsovits.training.autoencoder &   # until its adversarial part has begun
    python -m comps.gptsovits.training.prior &

The second half may start as soon as the first has frozen its posterior encoder (`--adversarial-from`).
"""

import argparse

from comps.gptsovits.training import autoencoder, prior


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, conflict_handler="resolve"
    )
    autoencoder.add_arguments(parser)
    for half in ("autoencoder", "prior"):
        parser.add_argument(f"--{half}-steps", type=int, help=f"instead of the default of `{half}`")
    args = parser.parse_args(arguments)
    common = ["--corpus", args.corpus, "--work", args.work, "--device", args.device]
    common += ["--threads", args.threads, "--seed", args.seed]
    for half, steps in ((autoencoder, args.autoencoder_steps), (prior, args.prior_steps)):
        of_half = argparse.ArgumentParser()
        half.add_arguments(of_half)
        extra = [] if steps is None else ["--steps", steps]
        half.train(of_half.parse_args([str(a) for a in (*common, *extra)]))


if __name__ == "__main__":
    main()
