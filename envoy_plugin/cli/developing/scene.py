"""What `dev` has started, and what it says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envoy_plugin.cli.ports import DEV_REDIS_URL, LOOPBACK
from envoy_plugin.cli.public_urls import events_url
from envoy_plugin.simulator import defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where everything is; `plugin` is MODULE:ATTR, and what reloading means is in `supervising`.

    `token` opens the inspector. `public_url` is what a tunnel to the plugin's port is called outside; empty without
    one. `made_up` are the credentials, by their variables, that nobody has set.
    """

    plugin: str
    plugin_port: int
    envoy_port: int
    redis_url: str = field(repr=False)
    reload: bool
    token: str = field(repr=False)
    public_url: str = ""
    made_up: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def envoy_url(self) -> str:
        """The origin of the simulated Envoy."""
        return f"http://{LOOPBACK}:{self.envoy_port}"

    @property
    def inspector_url(self) -> str:
        """The URL that opens the inspector, with its token."""
        return f"http://{LOOPBACK}:{self.plugin_port}/_envoy/?token={self.token}"

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that tell the plugin where everything is, but for its port behind the inspector."""
        return {
            "HOST": LOOPBACK,
            "ENVOY_BASE_URL": self.envoy_url,
            "REDIS_URL": self.redis_url,
        }

    def banner(self, *, in_memory: bool) -> str:
        """What runs where, and what to type next in another terminal; the URL of a Redis in memory alone is shown."""
        lines = [
            f"Plugin           http://{LOOPBACK}:{self.plugin_port}{defaults.EVENTS_PATH}  ({self.plugin})",
            f"Simulated Envoy  {self.envoy_url}",
            f"Inspector        {self.inspector_url}",
            f"Redis            {f'{self.redis_url}  (in memory, gone at the end)' if in_memory else 'yours'}",
            f"Reload           {'when a Python file here is saved; jobs are kept' if self.reload else 'off'}",
            *self._dev_dashboard(),
            "Next, in another terminal:",
            f"  {self._ports_set()}envoy-plugin trigger entry_sign_in --follow",
            f"  {self._redis_set(in_memory=in_memory)}envoy-plugin jobs list",
            "Ctrl-C ends everything.",
        ]
        return "\n".join(lines)

    def _dev_dashboard(self) -> list[str]:
        """What to enter there while a tunnel leads here, and how to see the URL of each event."""
        if not self.public_url:
            return []
        return [
            f"Dev Dashboard    {events_url(self.public_url)}  (for every event)",
            f"  envoy-plugin routes --app {self.plugin} --url {self.public_url}",
        ]

    def _ports_set(self) -> str:
        """The variables that `trigger` needs where the ports aren't the usual ones."""
        plugin = f"PORT={self.plugin_port} " if self.plugin_port != defaults.PLUGIN_PORT else ""
        return plugin + (f"ENVOY_BASE_URL={self.envoy_url} " if self.envoy_port != defaults.PLATFORM_PORT else "")

    def _redis_set(self, *, in_memory: bool) -> str:
        """The variables that commands need for a Redis that isn't the usual one, and for what is sealed in it."""
        if self.redis_url == DEV_REDIS_URL:
            return ""
        variables = {**({"REDIS_URL": self.redis_url} if in_memory else {}), **self.made_up}
        return "".join(f"{name}={value} " for name, value in variables.items())
