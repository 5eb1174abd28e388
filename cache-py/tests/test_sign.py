"""`sign=` and pickle: nothing is decoded that somebody else wrote."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import pytest
from memolith import _memolith
from memolith._native import Native

encode, decode = _memolith._encode, _memolith._decode

KEY = b"sixteen bytes are enough"
CODECS = [None, "native", "pickle", "json", "messagepack", "cbor", Native(compression="zlib", threshold=0)]


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_signed_values_come_back(codec: Any) -> None:
    value = {"a": [1, 2.5, "text" * 100]}
    signed = encode(value, codec, KEY, b"place")
    assert decode(signed, codec, KEY, b"place") == value
    if codec != "pickle":
        assert len(signed) == len(encode(value, codec)) + 32


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_every_other_byte_key_place_or_codec_is_refused(codec: Any) -> None:
    signed = encode([1, "a"], codec, KEY, b"place")
    for at in range(len(signed)):
        for bit in range(8):
            changed = bytearray(signed)
            changed[at] ^= 1 << bit
            with pytest.raises(ValueError, match="signature"):
                decode(bytes(changed), codec, KEY, b"place")
    for cut in range(len(signed)):
        with pytest.raises(ValueError, match="signature"):
            decode(signed[:cut], codec, KEY, b"place")
    with pytest.raises(ValueError, match="signature"):
        decode(signed, codec, KEY + b"!", b"place")
    with pytest.raises(ValueError, match="signature"):
        decode(signed, codec, KEY, b"another")
    with pytest.raises(ValueError, match="signature"):
        decode(signed, "cbor" if codec != "cbor" else "json", KEY, b"place")


def test_unsigned_values_are_refused() -> None:
    with pytest.raises(ValueError, match="signature"):
        decode(encode(list(range(50))), None, KEY)
    with pytest.raises(ValueError):
        decode(encode(1, None, KEY))


def test_short_secrets_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        encode(1, None, b"fifteen bytes..")


class Plain:
    """What only pickle takes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is Plain and other.value == self.value


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.putenv, ("MEMOLITH_TEST_BOMB", "exploded")


def test_pickle_needs_a_signature_or_trust() -> None:
    for codec in ("pickle", Native(pickle=True)):
        with pytest.raises(ValueError, match="sign="):
            encode(1, codec)
    value = [Plain(1), {"a": Plain((2, 3))}]
    assert decode(encode(value, "pickle", KEY), "pickle", KEY) == value
    assert decode(encode(value, "unsigned-pickle"), "unsigned-pickle") == value
    assert decode(encode(value, Native(pickle=True, trusted=True)), "unsigned-pickle") == value
    with pytest.raises(ValueError, match="trusted"):
        Native(trusted=True)


def test_pickle_is_the_last_resort() -> None:
    value = {"a": [1, 2.5, Fraction(1, 2)]}
    assert encode(value, "pickle", KEY)[:-32] == encode(value)


def test_pickle_keeps_what_is_shared_and_cyclic() -> None:
    shared = Plain(1)
    one, other = decode(encode([shared, shared], "pickle", KEY), "pickle", KEY)
    assert one is other
    cycle: list[Any] = []
    cycle.append(cycle)
    back = decode(encode(cycle, "pickle", KEY), "pickle", KEY)
    assert back[0] is back


def test_pickles_are_not_read_without_leave() -> None:
    data = encode(Bomb(), "unsigned-pickle")
    for codec in (None, "native", Native(writable=True)):
        with pytest.raises(ValueError):
            decode(data, codec)
    with pytest.raises(ValueError, match="signature"):
        decode(data, "pickle", KEY)


def test_pickled_errors_of_handlers_are_not_hidden() -> None:
    with pytest.raises(Exception, match="pickle|local object"):
        encode(lambda: 1, "unsigned-pickle")
