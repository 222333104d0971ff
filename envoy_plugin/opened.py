"""A plugin that a script has opened: what handlers are given by type, it gives by name of an install."""

from typing import Final, TypeVar

from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import is_of_an_api
from envoy_plugin.runtime import Runtime, maker_of

Given = TypeVar("Given")
GIVEN: Final = "JobsManager, NotificationManager, Workflows, Things and Titan"


class OpenedPlugin:
    """What `open_plugin` gives a script."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def get(self, wanted: type[Given], *, install: str) -> Given:
        """What handlers of this install are given for this type; of workflows, `default` is had as an item, too.

        Raises:
            DeclarationError: no such type is given.
        """
        if not is_of_an_api(wanted):
            raise DeclarationError(f"A script is given {GIVEN}, not {wanted.__name__}.")
        made = maker_of(wanted, self._runtime.engine, self._runtime.workflows)(install)
        assert isinstance(made, wanted)  # noqa: S101 - it makes itself
        return made
