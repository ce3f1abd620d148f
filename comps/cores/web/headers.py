"""What every reply tells a browser not to do with it."""

from typing import Final

from starlette.datastructures import MutableHeaders

# Replies are data: a browser that takes one for a page shall run and load nothing in it.
_DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Swagger's page starts itself by a script within it.
_DOCS_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# The gateway's own page: nothing inline, nothing from another host.
PAGE_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)


def harden(headers: MutableHeaders, path: str) -> None:
    """Add the security headers; a policy that a route has set itself stays."""
    headers.setdefault("Content-Security-Policy", _DOCS_POLICY if path == "/docs" else _DATA_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
