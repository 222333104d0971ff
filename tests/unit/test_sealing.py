"""`Sealer`: what goes in comes out, nothing else does, and keys can be replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoy_plugin.errors import SealError
from envoy_plugin.sealing import HEAD_BYTES, NONCE_BYTES, Sealer, derive_key

NEW, OLD = "the-new-root-secret", "the-old-root-secret"

sealer = Sealer([NEW])


@given(st.binary(max_size=4096))
def test_what_is_sealed_opens_to_the_same_bytes(plain: bytes) -> None:
    assert sealer.open(sealer.seal(plain)) == plain


@given(st.binary(max_size=256), st.data())
def test_a_changed_byte_anywhere_is_noticed(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(sealer.seal(plain))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        sealer.open(bytes(sealed))


@given(st.binary(max_size=64), st.data())
def test_a_cut_or_lengthened_value_is_noticed(plain: bytes, data: st.DataObject) -> None:
    sealed = sealer.seal(plain)
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for changed in (cut, sealed + data.draw(st.binary(min_size=1, max_size=32))):
        with pytest.raises(SealError):
            sealer.open(changed)


@given(st.binary(max_size=128))
def test_bytes_that_were_never_sealed_do_not_open(anything: bytes) -> None:
    with pytest.raises(SealError):
        sealer.open(anything)


@given(st.binary(max_size=128))
def test_bytes_with_the_right_head_alone_do_not_open(anything: bytes) -> None:
    with pytest.raises(SealError, match="changed or cut"):
        sealer.open(sealer.seal(b"")[:HEAD_BYTES] + anything)


@given(st.binary(max_size=64))
def test_equal_values_look_different_each_time(plain: bytes) -> None:
    assert sealer.seal(plain) != sealer.seal(plain)


def test_a_sealed_value_is_its_head_its_nonce_and_sixteen_bytes_longer() -> None:
    assert len(sealer.seal(b"12345")) == HEAD_BYTES + NONCE_BYTES + 5 + 16


def test_while_a_secret_is_replaced_both_open_and_the_new_one_seals() -> None:
    both = Sealer([NEW, OLD])
    assert both.open(Sealer([OLD]).seal(b"before")) == b"before"
    assert Sealer([NEW]).open(both.seal(b"after")) == b"after"
    with pytest.raises(SealError, match="SECRET_KEY"):
        Sealer([OLD]).open(both.seal(b"after"))


def test_each_use_has_a_key_of_its_own() -> None:
    keys = {derive_key(secret, use) for secret in (NEW, OLD) for use in ("seal/v1", "index/v1", "cursor/v1")}
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)


def test_keys_are_derived_the_same_way_for_ever() -> None:
    assert derive_key(NEW, "seal/v1").hex() == "f5f09ef23801dfdec1bc0756f5f122e2fdfc8addcec7eef2f4dacabddd7917f1"


@given(st.text(), st.text())
def test_digests_are_equal_for_equal_text_alone(one: str, other: str) -> None:
    assert (sealer.digest(one) == sealer.digest(other)) == (one == other)


def test_digests_differ_between_secrets_and_follow_the_new_one() -> None:
    assert Sealer([NEW, OLD]).digest("text") == Sealer([NEW]).digest("text")
    assert Sealer([NEW]).digest("text") != Sealer([OLD]).digest("text")


def test_there_is_a_digest_under_each_secret_the_new_one_first() -> None:
    both = Sealer([NEW, OLD])
    assert both.digests("text") == (Sealer([NEW]).digest("text"), Sealer([OLD]).digest("text"))
    assert (both.generations, Sealer([NEW]).generations) == (2, 1)


def test_no_secret_is_in_the_repr_or_in_an_error() -> None:
    assert repr(Sealer([NEW, OLD])) == "Sealer(2 keys)"
    with pytest.raises(SealError) as caught:
        sealer.open(sealer.seal(b"a visitor's name")[:-1])
    assert "visitor" not in str(caught.value)
