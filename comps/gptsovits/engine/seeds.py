"""Seeds: one number of the caller's, and from it as many independent ones as a request needs."""

import hashlib
import secrets

SEED_BITS = 63  # what a torch.Generator takes without a sign


def fresh_seed() -> int:
    """A seed nobody chose; 32 bits, so that it survives JSON readers that know only doubles."""
    return secrets.randbits(32)


def derived_seed(seed: int, *path: int | str) -> int:
    """The seed of one purpose of a request: equal for equal arguments, unrelated for different ones."""
    text = "/".join(str(part) for part in (seed, *path))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> (64 - SEED_BITS)
