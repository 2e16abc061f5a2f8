"""Naming devices, and finding GPUs without a framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

from service.machine.devices import Device, parse


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("cpu", (Device("cpu"),)),
        ("CPU:0", (Device("cpu"),)),
        ("gpu", (Device("gpu", 0),)),
        ("gpu:0, gpu:1", (Device("gpu", 0), Device("gpu", 1))),
        ("gpu:3,cpu", (Device("gpu", 3), Device("cpu"))),
    ],
)
def test_devices_are_read(text: str, devices: tuple[Device, ...]) -> None:
    assert parse(text) == devices
    assert parse(",".join(map(str, devices))) == devices


@pytest.mark.parametrize(
    "text", ["", "tpu", "gpu:", "gpu:-1", "gpu:x", "cpu,", "gpu:１", "cpu cpu"]
)
def test_other_names_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="'cpu', 'gpu' or a list such as 'gpu:0,gpu:1'") as caught:
        parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["gpu,gpu:0", "cpu,cpu", "gpu:1,gpu:1"])
def test_a_device_is_named_once(text: str) -> None:
    with pytest.raises(ValueError, match="named once"):
        parse(text)


def test_the_first_of_a_kind_has_a_short_name_where_there_is_one() -> None:
    assert [str(device) for device in parse("cpu,cpu:1,gpu,gpu:1")] == [
        "cpu",
        "cpu:1",
        "gpu:0",
        "gpu:1",
    ]


def test_finding_gpus_imports_no_framework() -> None:
    code = """
import sys
from service.machine import devices
count = devices.gpu_count()
assert isinstance(count, int) and count >= 0
heavy = {"tensorflow", "openvino", "keras", "torch", "numpy"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
