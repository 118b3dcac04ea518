"""Unpacking what a stranger sent, never to more than the caller can bear."""

import zlib

GZIP = b"\x1f\x8b"
# One gzip file may hold several members; each costs a copy of the rest, so a file of empty ones must not run long.
_MEMBERS = 64


class TooLarge(ValueError):
    """The content is larger than the limit."""


class Broken(ValueError):
    """The content is not what its encoding says."""


def inflate(raw: bytes, encoding: str, limit: int) -> bytes:
    """Return the body without its gzip or deflate coat, at most `limit` bytes, else `TooLarge`.

    gzip is also known by its first bytes when nobody announced it: JSON cannot begin with them. Raises
    `Broken` for damaged or truncated data and `LookupError` for an encoding that is not known here.
    """
    name = encoding.strip().lower()
    if name in ("gzip", "x-gzip") or (name in ("", "identity") and raw.startswith(GZIP)):
        return _gzip(raw, limit)
    if name == "deflate":
        # The name means zlib's format; some senders leave its two header bytes away.
        has_header = len(raw) >= 2 and raw[0] & 0x0F == 8 and int.from_bytes(raw[:2]) % 31 == 0
        return _piece(raw, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS, limit)[0]
    if name not in ("", "identity"):
        raise LookupError(encoding)
    if len(raw) > limit:
        raise TooLarge
    return raw


def _gzip(raw: bytes, limit: int) -> bytes:
    whole = b""
    for _member in range(_MEMBERS):
        piece, raw = _piece(raw, zlib.MAX_WBITS | 16, limit - len(whole))
        whole += piece
        if not raw.strip(b"\0"):
            return whole
    raise Broken


def _piece(raw: bytes, format_bits: int, limit: int) -> tuple[bytes, bytes]:
    """Inflate one compressed stream; return it and the bytes that follow it."""
    stream = zlib.decompressobj(format_bits)
    try:
        content = stream.decompress(raw, limit + 1)
    except zlib.error as error:
        raise Broken from error
    if len(content) > limit:
        raise TooLarge
    if not stream.eof:
        raise Broken
    return content, stream.unused_data
