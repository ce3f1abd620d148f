"""The root of all errors."""

from typing import ClassVar


class SovitsError(Exception):
    """The root: `str(e)` is the detail, `e.code` the stable name, `e.title` the line all instances share."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title)
