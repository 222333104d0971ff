"""What a config shows of itself on a terminal: everything but secrets."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from envoy_plugin.envoy.config import Config, Secret
from envoy_plugin.logs import names_secret

MASK: Final = "********"


def secret_fields(model: type[Config] | None) -> frozenset[str]:
    """The keys under which Envoy keeps what the plugin's config has a `Secret` for."""
    fields = {} if model is None else model.model_fields
    return frozenset(
        key for name, field in fields.items() if _holds_secret(field.annotation) for key in {name, field.alias or name}
    )


def masked(config: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """A copy in which the values under these keys, and under names such as `api_key` or `pin`, can't be read."""
    return {key: _masked(key, value, secrets) for key, value in config.items()}


def _masked(key: str, value: Any, secrets: Collection[str]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if key in secrets or names_secret(key):
        return MASK
    if isinstance(value, Mapping):
        return masked(value, secrets)
    return [_masked(key, one, secrets) for one in value] if isinstance(value, list) else value


def _holds_secret(annotation: Any) -> bool:
    """Whether it is `Secret`, or a type that is made of it, as `Secret | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Secret):
        return True
    return any(_holds_secret(part) for part in getattr(annotation, "__args__", ()))
