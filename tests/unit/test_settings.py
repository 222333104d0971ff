"""`Settings.from_env`: every rule, every problem at once, and no secret in any of them."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from envoy_plugin.errors import Problem, SettingsError
from envoy_plugin.settings import LogFormat, LogLevel, OpenTo, Settings, StorageKind, TitanAccess, TlsVerify
from envoy_plugin.variables import is_loopback

LEAST = {
    "ENVOY_CLIENT_ID": "client-id",
    "ENVOY_CLIENT_SECRET": "client-secret-16",
    "JWT_SECRET": "jwt-secret-of-many-characters",
    "ENVOY_BASE_URL": "http://127.0.0.1:9000",
    "REDIS_URL": "redis://:redis-password@127.0.0.1:6379/0",
}


def problems(**changed: str | None) -> dict[str, Problem]:
    """The problems of the least environment with these changes, by name; None takes a variable away."""
    environ = {name: value for name, value in (LEAST | changed).items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return {problem.name: problem for problem in caught.value.problems}


def read(**changed: str) -> Settings:
    return Settings.from_env(LEAST | changed)


def test_five_variables_are_enough() -> None:
    settings = Settings.from_env(LEAST)
    assert settings.client_id == "client-id"
    assert settings.client_secrets == ("client-secret-16",)
    assert settings.base_url == "http://127.0.0.1:9000"
    assert settings.redis_url == LEAST["REDIS_URL"]
    assert (settings.port, settings.host, settings.worker_concurrency, settings.max_body) == (8000, None, 16, 5_242_880)
    assert (settings.log_level, settings.log_format, settings.access_log) == (LogLevel.INFO, LogFormat.AUTO, False)
    assert (settings.delivery_records, settings.plugin_id, settings.on_heroku) == (True, None, False)


def test_times_have_defaults() -> None:
    settings = Settings.from_env(LEAST)
    assert settings.handler_timeout == timedelta(seconds=10)
    assert settings.job_lease == timedelta(seconds=15)
    assert settings.drain_timeout == timedelta(seconds=20)
    assert settings.delivery_window == settings.keep_payload == timedelta(hours=24)
    assert (settings.keep_ended, settings.keep_failed) == (timedelta(days=7), timedelta(days=30))
    assert settings.keep_most == 100_000


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings.from_env(LEAST).port = 1  # type: ignore[misc]  # what is tested


def test_nothing_at_all_is_reported_at_once_with_where_to_get_it_and_an_example() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    assert [problem.name for problem in caught.value.problems] == [
        "ENVOY_CLIENT_ID",
        "ENVOY_CLIENT_SECRET",
        "REDIS_URL",
    ]
    assert all(problem.fault == "is not set" for problem in caught.value.problems)
    assert all(problem.source and problem.example for problem in caught.value.problems)


def test_many_faults_are_reported_together() -> None:
    assert set(problems(PORT="http", ENVOY_CLIENT_ID=None, JOB_LEASE="0.5", LOG_FORMAT="xml")) == {
        "PORT", "ENVOY_CLIENT_ID", "JOB_LEASE", "LOG_FORMAT",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "misspelt"),
    [
        ("REDIS_URL", "REDIS_URI"),
        ("ENVOY_CLIENT_SECRET", "ENVOY_SECRET"),
        ("ENVOY_CLIENT_ID", "ENVOY_CLIENTID"),
    ],
)
def test_a_missing_variable_names_the_one_that_was_meant_to_be_it(missing: str, misspelt: str) -> None:
    assert misspelt in problems(**{missing: None, misspelt: "some value"})[missing].fault


def test_a_missing_variable_is_not_taken_for_another_of_ours() -> None:
    assert problems(ENVOY_CLIENT_ID=None)["ENVOY_CLIENT_ID"].fault == "is not set"


@pytest.mark.parametrize("name", ["ENVOY_CLIENT_SECRET", "JWT_SECRET", "SECRET_KEY"])
@pytest.mark.parametrize(
    "value",
    ["", " ", "too-short", "long-enough-for-one short", "long-enough-for-one ", " long-enough-for-one",
     "long-enough-for-one\n", "long-enough-for-one\tlong-enough-for-two", "three-long-secrets three-long-secrets "
     "three-long-secrets", "a-surrogate-is-no-text-\udcff"],
)  # fmt: skip
def test_a_secret_is_one_or_two_of_sixteen_characters(name: str, value: str) -> None:
    (problem,) = problems(**{name: value}).values()
    assert problem.name == name
    assert not value.strip() or value.strip() not in str(problem)


def test_two_secrets_are_read_newest_first() -> None:
    assert read(ENVOY_CLIENT_SECRET="the-new-secret-16 the-old-secret-16").client_secrets == (
        "the-new-secret-16",
        "the-old-secret-16",
    )


def test_root_secrets_are_the_secret_key_else_the_jwt_secret_else_the_client_secret() -> None:
    assert read(SECRET_KEY="n" * 16 + " " + "o" * 16).root_secrets == ("n" * 16, "o" * 16)
    assert read().root_secrets == ("jwt-secret-of-many-characters",)
    without = {name: value for name, value in LEAST.items() if name != "JWT_SECRET"}
    assert Settings.from_env(without).root_secrets == ("client-secret-16",)


def test_no_secret_is_in_the_repr() -> None:
    text = repr(read(SECRET_KEY="a-secret-key-of-sixteen"))
    for secret in ("client-secret-16", "jwt-secret", "a-secret-key", "redis-password"):
        assert secret not in text


def test_no_problem_quotes_a_value() -> None:
    marked = dict.fromkeys(
        ("ENVOY_CLIENT_SECRET", "JWT_SECRET", "SECRET_KEY", "REDIS_URL", "ENVOY_BASE_URL", "PORT", "LOG_LEVEL"),
        "canary canary canary",
    )
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(LEAST | marked)
    assert len(caught.value.problems) == len(marked)
    assert "canary" not in f"{caught.value} {caught.value.__context__} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://app.envoy.com", "https://app.envoy.com"),
        ("https://App.Envoy.com/", "https://app.envoy.com"),
        ("https://envoy.test:8443", "https://envoy.test:8443"),
        ("http://localhost:9000/", "http://localhost:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://127.8.8.8", "http://127.8.8.8"),
    ],
)
def test_envoys_origin_is_https_or_on_this_machine(url: str, origin: str) -> None:
    assert read(ENVOY_BASE_URL=url).base_url == origin


@pytest.mark.parametrize(
    "url",
    ["http://app.envoy.com", "http://localhost.evil.test", "ftp://app.envoy.com", "app.envoy.com", "https://",
     "https://app.envoy.com/api", "https://app.envoy.com?a=1", "https://app.envoy.com#a", "https://u:p@app.envoy.com",
     "https://app envoy.com", "https://app.envoy.com:port", "https://[::1", "//app.envoy.com"],
)  # fmt: skip
def test_anything_else_is_not_envoys_origin(url: str) -> None:
    assert set(problems(ENVOY_BASE_URL=url)) == {"ENVOY_BASE_URL"}


def test_this_machine_is_known_by_name_and_address() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "::1")))
    assert not any(map(is_loopback, ("10.0.0.1", "example.com", "")))


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1", "redis://user:p%2Fw@host:6379/15", "rediss://host:6380?ssl_cert_reqs=none",
     "unix:///run/redis.sock?db=1", " redis://host/ "],
)  # fmt: skip
def test_redis_is_named_by_url(url: str) -> None:
    assert read(REDIS_URL=url).redis_url == url.strip()


@pytest.mark.parametrize(
    "url",
    ["host:6379", "http://host", "redis://", "redis://:p/w@host:6379", "redis://:p#w@host", "redis://host/name",
     "redis://host:port", "unix://", "memory://"],
)  # fmt: skip
def test_what_names_no_redis_is_refused(url: str) -> None:
    assert set(problems(REDIS_URL=url)) == {"REDIS_URL"}


def test_redis_urls_of_hosts_are_taken_in_order() -> None:
    names = ["REDIS_TLS_URL", "REDIS_URL", "KEY_VALUE_URL", "REDISCLOUD_URL", "REDISGREEN_URL"]
    for first in range(len(names)):
        environ = LEAST | {"REDIS_URL": ""} | {name: f"redis://{name.lower()}" for name in names[first:]}
        assert Settings.from_env(environ).redis_url == f"redis://{names[first].lower()}"


def test_a_bad_url_is_reported_under_the_name_it_has() -> None:
    assert set(problems(REDIS_TLS_URL="nonsense")) == {"REDIS_TLS_URL"}


def test_memory_is_for_dev_and_its_default() -> None:
    without = {name: value for name, value in LEAST.items() if name != "REDIS_URL"}
    assert Settings.from_env(without, dev=True).redis_url == "memory://"
    assert Settings.from_env(LEAST | {"REDIS_URL": "memory://"}, dev=True).redis_url == "memory://"
    assert Settings.from_env(LEAST, dev=True).redis_url == LEAST["REDIS_URL"]


@pytest.mark.parametrize(
    ("environ", "verify"),
    [
        ({}, TlsVerify.AUTO),
        ({"DYNO": "web.1"}, TlsVerify.AUTO),
        ({"REDIS_TLS_URL": "rediss://host"}, TlsVerify.AUTO),
        ({"DYNO": "web.1", "REDIS_TLS_URL": "rediss://host"}, TlsVerify.NONE),
        ({"DYNO": "web.1", "REDIS_URL": "rediss://host", "REDIS_TLS_VERIFY": "FULL"}, TlsVerify.FULL),
        ({"REDIS_TLS_VERIFY": "none"}, TlsVerify.NONE),
    ],
)
def test_the_certificate_goes_unchecked_only_when_told_or_on_heroku(environ: dict[str, str], verify: TlsVerify) -> None:
    assert read(**environ).tls_verify is verify


def test_storage_is_envoys_unless_it_is_redis() -> None:
    assert read().storage is StorageKind.ENVOY
    assert read(STORAGE="Redis").storage is StorageKind.REDIS


def test_a_dyno_is_herokus() -> None:
    assert read(DYNO="web.1").on_heroku
    assert not read(DYNO="").on_heroku


def test_keys_begin_with_the_plugins_name_unless_told_otherwise() -> None:
    assert read().prefix_for("visitor-doors") == "visitor-doors"
    assert read(REDIS_PREFIX="staging").prefix_for("visitor-doors") == "staging"
    assert set(problems(REDIS_PREFIX="with {braces}")) == {"REDIS_PREFIX"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("15", 15), ("1.5", 1.5), ("20s", 20), ("5m", 300), (" 1 ", 1), ("0.05h", 180)]
)
def test_a_duration_is_in_seconds_or_has_a_unit(text: str, seconds: float) -> None:
    assert read(JOB_LEASE=text).job_lease == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOB_LEASE", "0.9"), ("JOB_LEASE", "301"), ("JOB_LEASE", "15 s"), ("JOB_LEASE", "-15"), ("JOB_LEASE", "1e2"),
        ("JOB_LEASE", "٣"), ("JOB_LEASE", "9" * 12 + "d"), ("HANDLER_TIMEOUT", "26"), ("DRAIN_TIMEOUT", "25.1"),
        ("DELIVERY_WINDOW", "23h"), ("DELIVERY_WINDOW", "31d"), ("WORKER_CONCURRENCY", "0"), ("JOB_KEEP", "0"),
        ("WORKER_CONCURRENCY", "257"), ("WORKER_CONCURRENCY", "1.5"), ("MAX_BODY", "5MiB"), ("MAX_BODY", "1"),
        ("PORT", "65536"), ("PORT", "-1"), ("PORT", "٣"), ("DELIVERY_RECORDS", "maybe"), ("ACCESS_LOG", "1"),
        ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("REDIS_TLS_VERIFY", "maybe"), ("HOST", "two words"),
        ("ENVOY_PLUGIN_ID", " "), ("JOB_KEEP_MOST", "all"), ("JOB_KEEP_FAILED", "366d"), ("JOB_KEEP_PAYLOAD", "long"),
        ("STORAGE", "disk"),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(name: str, value: str) -> None:
    assert set(problems(**{name: value})) == {name}


def test_everything_optional_can_be_set() -> None:
    settings = read(
        ENVOY_PLUGIN_ID="plg_1", PORT="0", HOST="127.0.0.1", HANDLER_TIMEOUT="2.5", WORKER_CONCURRENCY="4",
        DRAIN_TIMEOUT="25", MAX_BODY="1024", DELIVERY_RECORDS="off", DELIVERY_WINDOW="30d", ACCESS_LOG="ON",
        LOG_LEVEL="DEBUG", LOG_FORMAT="json", JOB_KEEP="1d", JOB_KEEP_MOST="10",
    )  # fmt: skip
    assert (settings.plugin_id, settings.port, settings.host) == ("plg_1", 0, "127.0.0.1")
    assert (settings.delivery_records, settings.access_log) == (False, True)
    assert (settings.log_level, settings.log_format) == (LogLevel.DEBUG, LogFormat.JSON)
    assert settings.delivery_window == timedelta(days=30)


def test_what_is_set_to_nothing_has_its_default() -> None:
    assert read(PORT="", REDIS_PREFIX="", LOG_LEVEL="", ENVOY_BASE_URL="").base_url == "https://app.envoy.com"


def test_each_example_would_do_but_those_that_a_shell_must_fill_in() -> None:
    examples = {str(info.alias): str((info.examples or [""])[0]) for info in Settings.model_fields.values()}
    taken = {name: example for name, example in examples.items() if not example.startswith("$(")}
    assert set(examples) - set(taken) == {"JWT_SECRET", "SECRET_KEY"}
    assert Settings.from_env(taken).on_heroku


def test_the_titan_api_is_served_only_where_somebody_says_so() -> None:
    assert (read().titan_access, read().titan_open_to) == (None, None)
    assert read(TITAN_ACCESS="Tokens").titan_access is TitanAccess.TOKENS
    assert read(TITAN_ACCESS="open", TITAN_OPEN_TO="any", DYNO="").titan_open_to is OpenTo.ANY
    assert problems(TITAN_ACCESS="everybody")["TITAN_ACCESS"].fault == "must be one of: tokens, open"


@pytest.mark.parametrize("variable", ["DYNO", "RENDER", "FLY_APP_NAME", "RAILWAY_PROJECT_ID"])
def test_the_titan_api_is_never_open_on_a_host_of_the_internet(variable: str) -> None:
    fault = problems(TITAN_ACCESS="open", TITAN_OPEN_TO="any", **{variable: "x"})["TITAN_ACCESS"].fault
    assert fault == f"must be tokens on a host that the internet reaches, and {variable} is set"
    assert "TITAN_ACCESS" in problems(TITAN_ACCESS="open", **{variable: "x"})
    assert read(TITAN_ACCESS="tokens", **{variable: "x"}).titan_access is TitanAccess.TOKENS


def test_devices_find_a_region_and_an_account() -> None:
    assert (read().things_region, read().things_account) == ("us-east-1", "000000000000")
    given = read(THINGS_REGION="eu-central-1", THINGS_ACCOUNT="123456789012")
    assert (given.things_region, given.things_account) == ("eu-central-1", "123456789012")


@pytest.mark.parametrize("region", ["us east", "US-EAST-1", "a/b", "-", "x" * 17])
@pytest.mark.parametrize("account", ["12345", "1234567890123", "12345678901a"])
def test_what_is_no_region_or_account_is_refused(region: str, account: str) -> None:
    found = problems(THINGS_REGION=region, THINGS_ACCOUNT=account)
    assert set(found) == {"THINGS_REGION", "THINGS_ACCOUNT"}


def test_the_operator_api_is_at_workflow_and_its_item_is_the_default_one() -> None:
    settings = Settings.from_env(LEAST)
    assert (settings.workflow_org, settings.workflow_item, settings.public_url) == ("workflow", "default", None)
    changed = read(WORKFLOW_ORG="acme", WORKFLOW_ITEM="1001", PUBLIC_URL="https://Doors.example.com/")
    assert (changed.workflow_org, changed.workflow_item) == ("acme", "1001")
    assert changed.public_url == "https://doors.example.com"


@pytest.mark.parametrize("word", ["envoy", "v1", "jobs", "things", "_sim", "a/b", "a b", "x" * 65])
def test_no_path_of_the_operator_api_can_be_one_of_another(word: str) -> None:
    assert set(problems(WORKFLOW_ORG=word)) == {"WORKFLOW_ORG"}


def test_an_item_is_a_word_of_a_path() -> None:
    assert set(problems(WORKFLOW_ITEM="a/b", PUBLIC_URL="doors.example.com")) == {"WORKFLOW_ITEM", "PUBLIC_URL"}
