"""Public keys of rows: UUID version 7, ordered by time of birth."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A random UUID whose first 48 bits are the Unix time in milliseconds (RFC 9562, 5.7).

    Python has one of its own from 3.14 on; Django's database function lacks SQLite.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return uuid.UUID(int=value)
