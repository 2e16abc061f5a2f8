"""Child processes that run this package: where they find it, and how one ended."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]

CAN_PASS_SOCKETS: Final = hasattr(socket, "send_fds")
"""Whether this system hands sockets to other processes: all but Windows."""


def exit_reason(status: int) -> str:
    """How a process ended that has this exit status, as subprocess has it."""
    if status >= 0:
        return f"ended with status {status}"
    short = ", such as when memory runs out" if -status == signal.SIGKILL else ""
    return f"ended by signal {-status} ({signal.Signals(-status).name}{short})"


def search_path() -> str:
    """PYTHONPATH with the folder of this package first: a child finds the same code."""
    return os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
