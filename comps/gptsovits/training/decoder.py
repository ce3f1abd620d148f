"""Stage `decoder`: what tells voices apart, both halves in turn, then both together.

On a machine with two cores, run the halves beside each other instead:

    python -m comps.gptsovits.training.vocoder &
    python -m comps.gptsovits.training.prior &
    python -m comps.gptsovits.training.likeness && wait && python -m comps.gptsovits.training.joint
"""

from comps.gptsovits.training import joint, likeness, prior, vocoder
from comps.gptsovits.training.progress import stage_parser


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("decoder", "Train the decoder: vocoder, prior, then both together.")
    parser.add_argument("--likeness-steps", type=int, default=3_000)
    parser.add_argument("--vocoder-steps", type=int, default=30_000)
    parser.add_argument("--prior-steps", type=int, default=12_000)
    parser.add_argument("--joint-steps", type=int, default=20_000)
    options = parser.parse_args(arguments)
    shared = ["corpus", "work", "threads", "device", "seed", "minutes"]
    common = [part for name in shared for part in (f"--{name}", str(getattr(options, name)))]
    likeness.main([*common, "--steps", str(options.likeness_steps)])
    vocoder.main([*common, "--steps", str(options.vocoder_steps)])
    prior.main([*common, "--steps", str(options.prior_steps)])
    joint.main([*common, "--steps", str(options.joint_steps)])


if __name__ == "__main__":
    main()
