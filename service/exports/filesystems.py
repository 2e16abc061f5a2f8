"""File systems: which of them tell when something in them changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_SILENT: Final = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|afs|9p|drvfs|ceph|glusterfs|lustre|gpfs|beegfs|ocfs2|gfs2"
    r"|fuse\b.*|fuseblk|virtiofs|vboxsf|vmhgfs|prl_fs|fakeowner|osxfs"
)
"""Written from elsewhere, over a network or by a virtual machine's host: Linux hears nothing of it.
Overlays are not among them: what a container writes into its own file system is told."""


def is_silent(folder: Path) -> bool:
    """Whether changes in `folder` may happen without an event; False where nobody can say."""
    return _SILENT.fullmatch(_kind(folder.resolve())) is not None


def _kind(folder: Path) -> str:
    """The type of the file system that holds `folder`, such as `ext4`; empty where unknown."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # not Linux
        return ""
    depth, kind = 0, ""
    for line in lines:
        mounted, _, source = line.partition(" - ")
        point = Path(_unescaped(mounted.split(" ")[4]))
        # Of two on one point the later hides the earlier.
        if (folder == point or point in folder.parents) and len(point.parts) >= depth:
            depth, kind = len(point.parts), source.split(" ", 1)[0]
    return kind


def _unescaped(text: str) -> str:
    """A path of mountinfo, in which blanks and backslashes are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
