"""The pixel values that a PNG file stores, which are the classes of a mask: cv2 reads colours of a palette, and stretches few bits."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEPTH, COLOUR_TYPE = 8, 9  # places in the header, behind width and height
HEADER = 13  # bytes, of the first chunk
GREY, PALETTE = 0, 3
Chunk = tuple[bytes, bytes]
"""The kind of a part of a PNG file, and what is in it (PNG specification, third edition, section 5)."""


def as_grey(data: bytes) -> tuple[bytes, int]:
    """A PNG file with the places in its palette as grey levels; any other data as it is.

    Beside it the factor by which a reader multiplies the values, so that the bits of a pixel reach 255.
    """
    chunks = list(_chunks(data)) if data.startswith(SIGNATURE) else []
    if not chunks or len(chunks[0][1]) != HEADER or chunks[0][1][COLOUR_TYPE] not in (GREY, PALETTE):
        return data, 1
    header = bytearray(chunks[0][1])
    header[COLOUR_TYPE] = GREY
    kept = [(b"IHDR", bytes(header)), *(chunk for chunk in chunks[1:] if chunk[0] not in (b"PLTE", b"tRNS"))]
    return SIGNATURE + b"".join(map(_written, kept)), max(1, 255 // (2 ** header[DEPTH] - 1))


def _chunks(data: bytes) -> Iterator[Chunk]:
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        length = struct.unpack_from(">I", data, place)[0]
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += length + 12


def _written(chunk: Chunk) -> bytes:
    kind, content = chunk
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
