"""The package as the registry sees it."""

import comps.gptsovits.text.ko as package


def test_a_second_front_end_can_be_made() -> None:
    package.front_end()
    assert package.front_end().code == "ko"
