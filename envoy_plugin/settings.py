"""The settings of a process: read from the environment once, checked all together, frozen.

A variable that is set to nothing counts as not set, but a secret that is set to nothing is refused. Durations are
written as `envoy_plugin.variables` says.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from envoy_plugin.errors import Problem, SettingsError
from envoy_plugin.variables import (
    MEMORY_URL,
    aws_account,
    aws_region,
    duration,
    first_path_word,
    key_prefix,
    on_or_off,
    one_word,
    origin,
    path_word,
    redis_location,
    secret_values,
    whole,
    words,
)

SECRETS: Final = ("ENVOY_CLIENT_SECRET", "JWT_SECRET", "SECRET_KEY")
REDIS_VARIABLES: Final = ("REDIS_TLS_URL", "REDIS_URL", "KEY_VALUE_URL", "REDISCLOUD_URL", "REDISGREEN_URL")
ON_A_HOST: Final = re.compile(r"DYNO|FLY_APP_NAME|RAILWAY_.*|RENDER")
"""The variables by which a host on the internet shows."""
ALIKE: Final = 0.7
"""How much of a name must be the same for it to count as a misspelling, 0 to 1."""


class TlsVerify(StrEnum):
    """Whether the certificate of a `rediss://` server is checked: always, never, or as `Settings.tls_verify` says."""

    AUTO = "auto"
    FULL = "full"
    NONE = "none"


class StorageKind(StrEnum):
    """Where what a plugin stores is kept: at Envoy, or in the plugin's own Redis."""

    ENVOY = "envoy"
    REDIS = "redis"


class TitanAccess(StrEnum):
    """Who may use the Titan jobs API: whoever has a token, or anybody who can reach it."""

    TOKENS = "tokens"
    OPEN = "open"


class OpenTo(StrEnum):
    """To whom an API without tokens is open: beyond this machine, to anybody."""

    ANY = "any"


class LogLevel(StrEnum):
    """The least serious lines that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LogFormat(StrEnum):
    """`json` lines for machines, `pretty` ones for people; `auto` is `pretty` on a terminal."""

    AUTO = "auto"
    JSON = "json"
    PRETTY = "pretty"


def variable(name: str, source: str, *, example: str, default: Any = ..., shown: bool = True) -> Any:
    """A field of `Settings`: its variable, where a value comes from, one that would do; `shown` is in the repr."""
    return Field(default, alias=name, description=source, examples=[example], repr=shown)


def _access_here(text: str, info: ValidationInfo) -> TitanAccess:
    """Reads `tokens` or `open`; the latter not where the validation's context has the variable of a `host`."""
    access = TitanAccess(words(TitanAccess)(text))
    host = (info.context or {}).get("host")
    if access is TitanAccess.OPEN and host:
        raise ValueError(f"must be tokens on a host that the internet reaches, and {host} is set")
    return access


Secrets = Annotated[tuple[str, ...], BeforeValidator(secret_values)]
OnOff = Annotated[bool, BeforeValidator(on_or_off)]

ON_PLUGIN_PAGE: Final = "It is shown with the plugin in Envoy's Dev Dashboard."
MAKE_SECRET: Final = "Make one of random characters."  # noqa: S105  # how to make one
ASK_HOST: Final = "The host sets it; or give it yourself."
LEAVE_OUT: Final = "Leave it out for the default."


class Settings(BaseModel):
    """What a process needs to know from outside; made by `from_env`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: Annotated[str, BeforeValidator(one_word)] = variable(
        "ENVOY_CLIENT_ID", ON_PLUGIN_PAGE, example="5f2c9e31-8a44-4c02-b5a7-3f0d1f6f2b11"
    )
    """The plugin's client id. Required."""

    client_secrets: Secrets = variable(
        "ENVOY_CLIENT_SECRET", ON_PLUGIN_PAGE, example="0123456789abcdef0123456789abcdef", shown=False
    )
    """The plugin's client secret; while it is replaced two, the new one first. At least 16 characters. Required."""

    jwt_secrets: Secrets = variable(
        "JWT_SECRET", MAKE_SECRET, example="$(openssl rand -hex 32)", default=(), shown=False
    )
    """What the plugin's own JSON web tokens are signed with, the new one first. At least 16 characters. None."""

    secret_keys: Secrets = variable(
        "SECRET_KEY", MAKE_SECRET, example="$(openssl rand -hex 32)", default=(), shown=False
    )
    """The root of every key that seals what Redis holds, the new one first. At least 16 characters. None."""

    base_url: Annotated[str, BeforeValidator(origin)] = variable(
        "ENVOY_BASE_URL", LEAVE_OUT, example="https://app.envoy.com", default="https://app.envoy.com"
    )
    """Envoy's origin, without a slash at the end. https://app.envoy.com."""

    plugin_id: Annotated[str, BeforeValidator(one_word)] | None = variable(
        "ENVOY_PLUGIN_ID", ON_PLUGIN_PAGE, example="plg_1234", default=None
    )
    """The one plugin whose events are taken. None: any that is signed with the client secret."""

    redis_url: Annotated[str, BeforeValidator(redis_location)] = variable(
        "REDIS_URL", "Your host's Redis or Key-Value add-on shows it.", example="redis://127.0.0.1:6379/0", shown=False
    )
    """Redis: the first that is set of REDIS_TLS_URL, REDIS_URL, KEY_VALUE_URL, REDISCLOUD_URL, REDISGREEN_URL.
    Required; `memory://`, for `dev` alone, is its default there."""

    redis_tls_verify: Annotated[TlsVerify, BeforeValidator(words(TlsVerify))] = variable(
        "REDIS_TLS_VERIFY", LEAVE_OUT, example="full", default=TlsVerify.AUTO
    )
    """Whether the certificate of a `rediss://` server is checked. auto; `tls_verify` says what that means here."""

    redis_prefix: Annotated[str, BeforeValidator(key_prefix)] | None = variable(
        "REDIS_PREFIX", LEAVE_OUT, example="visitor-doors", default=None
    )
    """What every key in Redis begins with. None: the plugin's name; see `prefix_for`."""

    storage: Annotated[StorageKind, BeforeValidator(words(StorageKind))] = variable(
        "STORAGE", LEAVE_OUT, example="redis", default=StorageKind.ENVOY
    )
    """Where `Storage` keeps what a plugin stores: `envoy`, or the plugin's own `redis`. envoy."""

    things_region: Annotated[str, BeforeValidator(aws_region)] = variable(
        "THINGS_REGION", LEAVE_OUT, example="eu-central-1", default="us-east-1"
    )
    """The AWS region that devices name in their SDK. us-east-1."""

    things_account: Annotated[str, BeforeValidator(aws_account)] = variable(
        "THINGS_ACCOUNT", LEAVE_OUT, example="123456789012", default="000000000000"
    )
    """The AWS account in the ARNs of things and their jobs, 12 digits. 000000000000."""

    port: Annotated[int, BeforeValidator(whole(0, 65535))] = variable("PORT", ASK_HOST, example="8000", default=8000)
    """The TCP port that `web` listens on; 0 takes a free one. 8000."""

    host: Annotated[str, BeforeValidator(one_word)] | None = variable(
        "HOST", LEAVE_OUT, example="127.0.0.1", default=None
    )
    """The address that `web` listens on. None: every one, IPv4 and IPv6."""

    handler_timeout: Annotated[timedelta, BeforeValidator(duration("0.1s", "25s"))] = variable(
        "HANDLER_TIMEOUT", LEAVE_OUT, example="10", default=timedelta(seconds=10)
    )
    """How long an inline handler may take. 10 seconds; at most 25, since hosts give up on a request after 30."""

    job_lease: Annotated[timedelta, BeforeValidator(duration("1s", "300s"))] = variable(
        "JOB_LEASE", LEAVE_OUT, example="15", default=timedelta(seconds=15)
    )
    """How long a job whose worker is silent stays its own. 15 seconds; 1 to 300."""

    worker_concurrency: Annotated[int, BeforeValidator(whole(1, 256))] = variable(
        "WORKER_CONCURRENCY", LEAVE_OUT, example="16", default=16
    )
    """How many jobs a worker runs at once. 16; at most 256."""

    drain_timeout: Annotated[timedelta, BeforeValidator(duration("0s", "25s"))] = variable(
        "DRAIN_TIMEOUT", LEAVE_OUT, example="20", default=timedelta(seconds=20)
    )
    """How long what runs may go on after SIGTERM. 20 seconds; at most 25, since hosts kill after 30."""

    watchdog_timeout: Annotated[timedelta, BeforeValidator(duration("0s", "10m"))] = variable(
        "WATCHDOG_TIMEOUT", LEAVE_OUT, example="60", default=timedelta(seconds=60)
    )
    """After how long a process whose event loop doesn't turn ends itself, with 1. 60 seconds; at most 10 minutes; 0 is
    never."""

    max_body: Annotated[int, BeforeValidator(whole(1024, 64 * 1024 * 1024))] = variable(
        "MAX_BODY", LEAVE_OUT, example="5242880", default=5 * 1024 * 1024
    )
    """The largest body of a webhook, in bytes. 5242880 (5 MiB)."""

    delivery_records: OnOff = variable("DELIVERY_RECORDS", LEAVE_OUT, example="on", default=True)
    """Whether deliveries are remembered, so that a second one runs nothing. on."""

    delivery_window: Annotated[timedelta, BeforeValidator(duration("24h", "30d"))] = variable(
        "DELIVERY_WINDOW", LEAVE_OUT, example="24h", default=timedelta(hours=24)
    )
    """How long a delivery is remembered. 24 hours; at most 30 days."""

    titan_access: Annotated[TitanAccess, BeforeValidator(_access_here)] | None = variable(
        "TITAN_ACCESS", LEAVE_OUT, example="tokens", default=None
    )
    """Serves the Titan jobs API on `/v1`: with `tokens`, or `open` to this machine, never on a known host. None: not
    served."""

    titan_open_to: Annotated[OpenTo, BeforeValidator(words(OpenTo))] | None = variable(
        "TITAN_OPEN_TO", LEAVE_OUT, example="any", default=None
    )
    """With TITAN_ACCESS=open: `any` opens it to everybody who can reach the port. None: to this machine alone."""

    workflow_org: Annotated[str, BeforeValidator(first_path_word)] = variable(
        "WORKFLOW_ORG", LEAVE_OUT, example="acme", default="workflow"
    )
    """The first word of the operator API's paths, where ArcGIS Workflow Manager has an organization. workflow."""

    workflow_item: Annotated[str, BeforeValidator(path_word)] = variable(
        "WORKFLOW_ITEM", LEAVE_OUT, example="1001", default="default"
    )
    """The item that an operator's token is for where none is named: an install's id, or a word. default."""

    public_url: Annotated[str, BeforeValidator(origin)] | None = variable(
        "PUBLIC_URL", LEAVE_OUT, example="https://doors.example.com", default=None
    )
    """The origin at which the plugin is reached, for URLs of attachments. None: they are paths alone."""

    keep_ended: Annotated[timedelta, BeforeValidator(duration("1m", "365d"))] = variable(
        "JOB_KEEP", LEAVE_OUT, example="7d", default=timedelta(days=7)
    )
    """How long an ended job is kept. 7 days."""

    keep_failed: Annotated[timedelta, BeforeValidator(duration("1m", "365d"))] = variable(
        "JOB_KEEP_FAILED", LEAVE_OUT, example="30d", default=timedelta(days=30)
    )
    """How long a failed job is kept. 30 days."""

    keep_payload: Annotated[timedelta, BeforeValidator(duration("1m", "365d"))] = variable(
        "JOB_KEEP_PAYLOAD", LEAVE_OUT, example="24h", default=timedelta(hours=24)
    )
    """How long the payload and outcome of an ended job are kept. 24 hours."""

    keep_most: Annotated[int, BeforeValidator(whole(1, 10_000_000))] = variable(
        "JOB_KEEP_MOST", LEAVE_OUT, example="100000", default=100_000
    )
    """How many ended jobs are kept. 100,000."""

    log_level: Annotated[LogLevel, BeforeValidator(words(LogLevel))] = variable(
        "LOG_LEVEL", LEAVE_OUT, example="info", default=LogLevel.INFO
    )
    """The least serious lines that are logged. info."""

    log_format: Annotated[LogFormat, BeforeValidator(words(LogFormat))] = variable(
        "LOG_FORMAT", LEAVE_OUT, example="json", default=LogFormat.AUTO
    )
    """How lines look. auto: `pretty` on a terminal, else `json`."""

    access_log: OnOff = variable("ACCESS_LOG", LEAVE_OUT, example="off", default=False)
    """Whether each request is logged, without its query. off."""

    on_heroku: Annotated[bool, BeforeValidator(bool)] = variable("DYNO", ASK_HOST, example="web.1", default=False)
    """Whether this is a dyno of Heroku, which sets DYNO. False."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, dev: bool = False) -> Self:
        """Read the settings from `environ`; variables that are none of ours are left alone.

        Raises:
            SettingsError: with every problem at once. No problem quotes a value.
        """
        redis_variable = next((name for name in REDIS_VARIABLES if environ.get(name)), "REDIS_URL")
        given = {name: environ[name] for name in _names() if environ.get(name) or (name in SECRETS and name in environ)}
        if url := environ.get(redis_variable) or (MEMORY_URL if dev else ""):
            given["REDIS_URL"] = url
        try:
            return cls.model_validate(given, context={"dev": dev, "host": _host_of(environ)})
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
        problems = [_problem(fault, environ) for fault in faults]
        raise SettingsError([replace(problem, name=redis_variable) if problem.name == "REDIS_URL" else problem
                             for problem in problems])  # fmt: skip

    @property
    def root_secrets(self) -> tuple[str, ...]:
        """What sealing keys derive from, the new one first: SECRET_KEY, else JWT_SECRET, else ENVOY_CLIENT_SECRET."""
        return self.secret_keys or self.jwt_secrets or self.client_secrets

    @property
    def tls_verify(self) -> TlsVerify:
        """What `connect_redis` takes: REDIS_TLS_VERIFY, but for `auto` with `rediss://` on Heroku, which is `none`.

        Heroku's Redis has a certificate that it signed itself (devcenter.heroku.com, "Connecting to Heroku Key-Value
        Store"). Anywhere else `auto` checks, unless the URL has `?ssl_cert_reqs=none`.
        """
        unsigned = self.on_heroku and self.redis_url.startswith("rediss://")
        return TlsVerify.NONE if unsigned and self.redis_tls_verify is TlsVerify.AUTO else self.redis_tls_verify

    def prefix_for(self, plugin_name: str) -> str:
        """What every key in Redis begins with: REDIS_PREFIX, else the plugin's name."""
        return self.redis_prefix or plugin_name


def _names() -> list[str]:
    return [str(info.alias) for info in Settings.model_fields.values()]


def _host_of(environ: Mapping[str, str]) -> str | None:
    """The variable by which a host on the internet shows; None: this is none that is known."""
    return next((name for name in sorted(environ) if environ[name] and ON_A_HOST.fullmatch(name)), None)


def _problem(fault: ErrorDetails, environ: Mapping[str, str]) -> Problem:
    name = str(fault["loc"][0])
    info = next(info for info in Settings.model_fields.values() if info.alias == name)
    text = _missing(name, environ) if fault["type"] == "missing" else str(fault["ctx"]["error"])
    return Problem(name=name, fault=text, source=str(info.description), example=str((info.examples or [""])[0]))


def _missing(name: str, environ: Mapping[str, str]) -> str:
    strangers = [stranger for stranger in environ if stranger not in {*_names(), *REDIS_VARIABLES}]
    alike = difflib.get_close_matches(name, strangers, n=1, cutoff=ALIKE)
    return f"is not set; was it meant by {alike[0]}, which is" if alike else "is not set"
