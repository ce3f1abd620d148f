"""What each route of the gateway needs a key for, where there are keys. What is not listed needs `admin`."""

from comps.cores.keys.key import Scope
from comps.cores.web.access import rule

# The first that fits counts. Health and the page tell nothing of what people do; the page asks for a key.
RULES = (
    rule(None, r"/|/static/.*|/docs(/oauth2-redirect)?|/docs-files/.*|/openapi\.json", "GET", "HEAD"),
    rule(None, r"/health|/v1/health_check", "GET", "HEAD"),
    rule(Scope.READ, r"/metrics|/models|/speakers|/character_list", "GET", "HEAD"),
    rule(Scope.READ, r"/v1/models(/.*)?|/v1/audio/(voices|models)(/.*)?", "GET", "HEAD"),
    rule(Scope.READ, r"/status(/.*)?", "GET", "HEAD"),
    rule(Scope.READ, r"/voices(/.*)?", "GET", "HEAD"),
    rule(Scope.SPEAK, r"/tts|/transfer|/phonemize"),
    rule(Scope.SPEAK, r"/v1/audio/speech(/.*)?"),
    rule(Scope.SPEAK, r"/", "POST"),
    rule(Scope.SPEAK, r"/status/[^/]+", "DELETE"),
    rule(Scope.ADMIN, r"/voices(/.*)?", "POST", "PUT", "PATCH", "DELETE"),
)
