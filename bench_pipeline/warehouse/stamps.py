"""What the file system says of a file: another thing after whatever writes to it.

Of the two times of its last change the second cannot be set by hand. What changed within moments
of being looked at may change once more with no other time: see `settled`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

_MOMENTS_NS = 3 * 10**9
"""No file system in use tells times apart worse than to two seconds."""


class Stamp(NamedTuple):
    size_bytes: int
    inode: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        return cls(found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)

    def settled(self, now_ns: int) -> bool:
        return max(self.modified_ns, self.changed_ns) < now_ns - _MOMENTS_NS
