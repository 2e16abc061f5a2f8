"""Two folders change places in one step, so that no reader finds neither."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

_HERE: Final = -100  # AT_FDCWD
_EXCHANGE: Final = 2  # RENAME_EXCHANGE


def exchange(first: Path, second: Path) -> None:
    """Exchange two folders of one file system; in two steps where it has no such operation.

    Raises:
        OSError: they cannot be renamed.
    """
    if not _exchange_at_once(first, second):
        aside = first.with_name(first.name + ".aside")
        second.rename(aside)
        first.rename(second)
        aside.rename(first)


def _exchange_at_once(first: Path, second: Path) -> bool:
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if sys.platform != "linux" or renameat2 is None:
        return False
    if renameat2(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0:
        return True
    if (code := ctypes.get_errno()) in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(first))
