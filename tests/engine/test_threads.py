from torch import nn

from comps.gptsovits.engine.threads import WORTH_THREADS, threads_for


def test_a_small_network_has_one_thread_and_a_large_one_all() -> None:
    width = int(WORTH_THREADS**0.5) + 1
    assert threads_for(nn.Linear(8, 8), available=4) == 1
    assert threads_for(nn.Linear(width, width), available=4) == 4
