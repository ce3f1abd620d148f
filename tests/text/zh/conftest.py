import pytest

pytest.importorskip("jieba")
pytest.importorskip("pypinyin")

from comps.gptsovits.text.zh.frontend import MandarinFrontEnd


@pytest.fixture(scope="session")
def mandarin() -> MandarinFrontEnd:
    return MandarinFrontEnd()
