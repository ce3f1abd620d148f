"""Stage `decoder`: both halves in turn, then both together.

On a machine with two cores, run the halves beside each other instead:

    python -m comps.gptsovits.training.autoencoder &   # until its adversarial part has begun
    python -m comps.gptsovits.training.prior &

The second half may start as soon as the first has frozen its posterior encoder (`--adversarial-from`).
"""

from comps.gptsovits.training import autoencoder, joint, prior
from comps.gptsovits.training.progress import stage_parser


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("decoder", "Train the decoder: autoencoder, prior, then both together.")
    parser.add_argument("--autoencoder-steps", type=int, default=20_000)
    parser.add_argument("--prior-steps", type=int, default=12_000)
    parser.add_argument("--joint-steps", type=int, default=20_000)
    options = parser.parse_args(arguments)
    shared = ["corpus", "work", "threads", "device", "seed", "minutes"]
    common = [part for name in shared for part in (f"--{name}", str(getattr(options, name)))]
    autoencoder.main([*common, "--steps", str(options.autoencoder_steps)])
    prior.main([*common, "--steps", str(options.prior_steps)])
    joint.main([*common, "--steps", str(options.joint_steps)])


if __name__ == "__main__":
    main()
