"""What each route of this service needs a key for, where there are keys. What is not listed needs `admin`."""

from comps.cores.keys.key import Scope
from comps.cores.web.access import rule

RULES = (
    rule(
        None,
        r"/health|/v1/health_check|/docs(/oauth2-redirect)?|/docs-files/.*|/openapi\.json",
        "GET",
        "HEAD",
    ),
    rule(Scope.READ, r"/metrics|/models", "GET", "HEAD"),
    rule(Scope.READ, r"/speakers(/[^/]+)?", "GET", "HEAD"),
    rule(Scope.SPEAK, r"/process|/tts|/transfer|/phonemize"),
    # The doors of other projects. Who speaks by default, for everybody, is for `admin` to change.
    rule(Scope.SPEAK, r"/|/v1/audio/speech"),
    # Profiles are made of what a speaker may send anyway, and the gateway moves them about.
    rule(Scope.SPEAK, r"/speakers/[^/]+", "PUT", "DELETE"),
    # They change the voice, or the model, that everybody else is given who names none.
    rule(Scope.ADMIN, r"/change_refer|/set_refer_audio|/set_gpt_weights|/set_sovits_weights|/set_model"),
)
