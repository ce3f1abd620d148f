"""Where the gateway is, and the key to it: from the environment, so that a key need not be typed."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from comps.constants import GATEWAY_PORT, LOOPBACK


class ClientSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SOVITS_", extra="ignore")

    url: str = f"http://{LOOPBACK}:{GATEWAY_PORT}"
    api_key: SecretStr | None = None
