"""Networks that no small copy of reference data covers still compute what they did when they equalled it."""

import json
from pathlib import Path

import pytest

from tests.parity.pins import NETWORKS, pins

STORED = json.loads((Path(__file__).parent / "data" / "pins.json").read_text())


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_computes_what_it_did_when_it_equalled_the_reference(network: str) -> None:
    computed, stored = pins(network), STORED[network]
    assert computed.keys() == stored.keys()
    for name, (size, norm, *values) in stored.items():
        assert computed[name][0] == size, name
        assert computed[name][1] == pytest.approx(norm, rel=1e-4), name
        assert computed[name][2:] == pytest.approx(values, rel=1e-3, abs=2e-3 * norm / size**0.5), name
