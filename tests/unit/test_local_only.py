"""Who counts as local on a development surface."""

import pytest
from multidict import CIMultiDict

from envoy_plugin.local_only import is_local, is_loopback

HOST = ("Host", "127.0.0.1:8010")


def local(*headers: tuple[str, str], peer: str | None = "127.0.0.1", method: str = "GET") -> bool:
    return is_local(peer=peer, method=method, scheme="http", headers=CIMultiDict(headers))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0", "::", "::ffff:10.0.0.1", "localhost", ""])  # noqa: S104 - addresses to refuse
def test_other_addresses(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8010", "[::1]", "[::1]:8010"])
def test_a_program_on_this_machine_is_local(host: str) -> None:
    assert local(("Host", host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "localhost:",
        "::1",
        "127.1",
        "",
    ],
)
def test_another_host_name_is_not_local(host: str) -> None:
    assert not local(("Host", host))


def test_exactly_one_host_is_needed() -> None:
    assert not local()
    assert not local(HOST, HOST)


@pytest.mark.parametrize("peer", [None, "192.168.1.5", "::ffff:192.168.1.5"])
def test_another_machine_is_not_local(peer: str | None) -> None:
    assert not local(HOST, peer=peer)


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO"])
def test_a_forwarded_request_is_not_local(name: str) -> None:
    assert not local(HOST, (name, "127.0.0.1"))


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "https://127.0.0.1:8010", "http://127.0.0.1:9", ""])
def test_a_page_of_another_origin_is_not_local(origin: str) -> None:
    assert not local(HOST, ("Origin", origin))


def test_a_page_of_the_same_origin_is_local() -> None:
    assert local(HOST, ("Origin", "http://127.0.0.1:8010"), ("Sec-Fetch-Site", "same-origin"), method="POST")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "NONE"])
def test_a_fetch_from_elsewhere_is_not_local(site: str) -> None:
    assert not local(HOST, ("Sec-Fetch-Site", site))


def test_an_address_typed_by_a_person_is_local_for_a_get_alone() -> None:
    assert local(HOST, ("Sec-Fetch-Site", "none"))
    assert not local(HOST, ("Sec-Fetch-Site", "none"), method="POST")
