"""Compressed bodies are unpacked within a bound, whatever coat they wear."""

import gzip
import resource
import zlib

import pytest

from crm.lib.inflate import Broken, TooLarge, inflate

TEXT = b'{"batch": []}' * 20


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0), " GZIP "),
        (gzip.compress(TEXT, mtime=0), "x-gzip"),
        (gzip.compress(TEXT, mtime=0), ""),
        (gzip.compress(TEXT[:50], mtime=0) + gzip.compress(TEXT[50:], mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0) + b"\0" * 512, "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (zlib.compress(TEXT, wbits=-15), "deflate"),
    ],
)
def test_a_body_comes_out_as_it_was_put_in(raw: bytes, encoding: str):
    assert inflate(raw, encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"not gzip at all", "gzip"),
        (TEXT, "gzip"),
        (b"", "gzip"),
        (gzip.compress(TEXT, mtime=0)[:-9], "gzip"),
        (gzip.compress(TEXT, mtime=0)[:30], ""),
        (gzip.compress(TEXT, mtime=0) + b"trailing", "gzip"),
        (gzip.compress(b"", mtime=0) * 200_000, "gzip"),
        (b"no deflate", "deflate"),
        (zlib.compress(TEXT)[:-5], "deflate"),
    ],
)
def test_damaged_and_truncated_bodies_are_broken(raw: bytes, encoding: str):
    with pytest.raises(Broken):
        inflate(raw, encoding, 1_000_000)


def test_an_unknown_encoding_is_no_body():
    with pytest.raises(LookupError):
        inflate(TEXT, "br", 1000)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bytes])
def test_one_byte_over_the_limit_is_too_large(pack):
    encoding = {gzip.compress: "gzip", zlib.compress: "deflate", bytes: ""}[pack]
    assert len(inflate(pack(b"x" * 1000), encoding, 1000)) == 1000
    with pytest.raises(TooLarge):
        inflate(pack(b"x" * 1001), encoding, 1000)


def test_two_members_count_together():
    with pytest.raises(TooLarge):
        inflate(gzip.compress(b"x" * 600, mtime=0) * 2, "gzip", 1000)


def test_a_bomb_of_60_megabytes_costs_no_memory():
    bomb = gzip.compress(b"\0" * 60_000_000, mtime=0)
    assert len(bomb) < 60_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLarge):
        inflate(bomb, "gzip", 4_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB
