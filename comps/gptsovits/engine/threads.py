"""How many threads a network's work is worth."""

import itertools

from torch import nn

# Below it, handing work to another thread and waiting for it costs more than the thread saves. Measured with
# the bundled model (5 and 8 million numbers) on two cores: a second of audio takes 0.16 s with one thread and
# 0.22 s with two.
WORTH_THREADS = 20_000_000


def threads_for(network: nn.Module, available: int) -> int:
    """One for a small network, else all that there are. Depends on the weights alone, so results do too."""
    n_numbers = sum(weight.numel() for weight in itertools.chain(network.parameters(), network.buffers()))
    return available if n_numbers >= WORTH_THREADS else 1
