"""What every webhook says about the install and the place that it is for.

Source: developers.envoy.com, "Webhooks"; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts.
"""

from functools import cached_property
from typing import Any, Final

from pydantic import Field, model_validator

from envoy_plugin.envoy.resources import Company, Location, Zone
from envoy_plugin.envoy.wire import Id, Model, Wire, decode
from envoy_plugin.errors import AuthFailed

SECRET_META: Final = frozenset({"config", "env", "auth", "forwarded_bearer_token"})


class Auth(Wire):
    """A token for the API as the user who installed the plugin; `expires_in` is in seconds from the delivery."""

    access_token: str
    token_type: str | None = None
    expires_in: int | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None
    company_id: str | None = None


class WebhookMeta(Wire):
    """What events and routes have in common.

    `location`, `company`, `zone` and `auth` are read when they are asked for, and raise `BadPayload` if they can't be.
    """

    install_id: Id = Field(alias="install_id")
    plugin_id: str | None = Field(default=None, alias="plugin_id")
    config: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _env_is_config(cls, value: object) -> object:
        """`env` is the old name of `config`; Envoy may send either, or both with the same content."""
        if isinstance(value, dict) and value.get("config") is None:
            return value | {"config": value.get("env") or {}}
        return value

    @cached_property
    def location(self) -> Location | None:
        """None for a company-wide install."""
        return self._part(Location, "location")

    @cached_property
    def company(self) -> Company | None:
        """The customer."""
        return self._part(Company, "company")

    @cached_property
    def zone(self) -> Zone | None:
        """None outside of properties with several tenants."""
        return self._part(Zone, "zone")

    @cached_property
    def auth(self) -> Auth | None:
        """None where the plugin asks for no scopes."""
        return self._part(Auth, "auth")

    def user_token(self) -> str:
        """The token with which `EnvoyUserAPI` acts as the user.

        Raises:
            AuthFailed: the webhook carries none.
        """
        if self.auth is None:
            raise AuthFailed(
                "The webhook carries no token of a user (meta.auth): give the plugin scopes in Envoy's Dev Dashboard."
            )
        return self.auth.access_token

    def _part(self, model: type[Model], name: str) -> Model | None:
        value = self.extra.get(name)
        return None if value is None else decode(model, value, f"meta.{name}")
