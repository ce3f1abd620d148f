from pathlib import Path

import pytest

from tests.proof import contract


@pytest.mark.parametrize("service", ["inference", "gateway"])
def test_a_service_answers_as_its_openapi_document_says(service: str, tmp_path: Path) -> None:
    with contract.doors(tmp_path) as found:
        url, known = found[service]
        figures = contract.run(url, known, n_examples=10)
    assert not figures.losses, "\n\n".join(f"{what}\n{example}" for what, example in figures.losses.items())
    assert figures.statuses[200] > figures.n_operations, "nothing got past the door: nothing is proven"
