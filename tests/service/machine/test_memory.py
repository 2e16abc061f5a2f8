"""Resident memory as the system counts it, children included, and free memory given back."""

from __future__ import annotations

import subprocess
import sys

from service.machine import memory
from tests import ROOT

_MEGABYTE = 1024 * 1024


_TAKE_AND_GIVE_BACK = """
from service.machine import memory

memory.trim()
before = memory.resident_bytes()
pieces = [bytes([index % 251]) * 2000 for index in range(30_000)]
taken = memory.resident_bytes() - before
del pieces
memory.trim()
print(taken, memory.resident_bytes() - before)
"""
"""For a process of its own: in one that has run other tests, pieces fill the holes these left."""


def test_what_a_process_takes_and_gives_back_is_seen() -> None:
    command = [sys.executable, "-c", _TAKE_AND_GIVE_BACK]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    taken, kept = map(int, printed.split())
    assert taken > 50 * _MEGABYTE
    assert kept < 10 * _MEGABYTE


def test_a_child_counts_until_it_ends() -> None:
    before = memory.resident_bytes()
    code = "block = bytes([1]) * (100 << 20); print(flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        taken = memory.resident_bytes() - before
        child.kill()
    assert 100 * _MEGABYTE < taken < 130 * _MEGABYTE
    assert memory.resident_bytes() - before < 10 * _MEGABYTE
