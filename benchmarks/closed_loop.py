"""Callers that ask again as soon as they are answered: wrk, with every answer kept and counted."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.peers import Request

_SCRIPT: Final = """
local threads, bodies, turn = {}, {}, 0
seen = {}
function setup(thread) table.insert(threads, thread) end
function init(args)
  for index = 0, COUNT - 1 do
    local file = io.open("FOLDER/" .. index, "rb")
    local headers = {HEADERS ["Host"] = wrk.headers["Host"]}
    bodies[index + 1] = wrk.format("POST", nil, headers, file:read("*a"))
    file:close()
  end
end
function request()
  turn = turn % COUNT + 1
  return bodies[turn]
end
function response(status, headers, body)
  if KEPT and status == 200 then seen[body] = (seen[body] or 0) + 1 end
end
function done(summary, latency, requests)
  local file = io.open("FOLDER/seen", "wb")
  for _, thread in ipairs(threads) do
    for body, count in pairs(thread:get("seen")) do
      file:write(count, " ", #body, "\\n", body)
    end
  end
  file:close()
  local e = summary.errors
  print(string.format('JSON {"requests":%d,"us":%d,"bad":%d,"lost":%d,"p50":%f,"p99":%f,"p999":%f}',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""


@dataclass(frozen=True)
class Load:
    """What callers saw."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    errors: int
    """Answers that were not 200 or wrong, and connections that failed."""


def post(
    url: str,
    request: Request,
    is_right: Callable[[bytes], bool] | None,
    connections: int,
    seconds: int,
) -> Load:
    """POST the bodies in turn from so many connections, and judge every answer."""
    if shutil.which("wrk") is None:
        raise SystemExit("the benchmark needs wrk: apt-get install wrk, or brew install wrk")
    with TemporaryDirectory() as name:
        folder = Path(name)
        for index, body in enumerate(request.bodies):
            (folder / str(index)).write_bytes(body)
        script = _SCRIPT.replace("FOLDER", name).replace("COUNT", str(len(request.bodies)))
        script = script.replace("KEPT", str(is_right is not None).lower())
        headers = {"Content-Type": request.content_type, **request.headers}
        said = "".join(f'["{name}"] = "{value}", ' for name, value in headers.items())
        (folder / "script.lua").write_text(script.replace("HEADERS", said))
        output = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
                *("-s", str(folder / "script.lua"), url + request.path),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        [summary] = [line for line in output.splitlines() if line.startswith("JSON ")]
        wrong = 0 if is_right is None else _wrong((folder / "seen").read_bytes(), is_right)
    found = json.loads(summary.removeprefix("JSON "))
    return Load(
        requests_per_s=found["requests"] / found["us"] * 1e6,
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
        p999_ms=found["p999"] / 1000,
        errors=found["bad"] + found["lost"] + wrong,
    )


def _wrong(seen: bytes, is_right: Callable[[bytes], bool]) -> int:
    """How many of the answers are wrong; each different one is judged once."""
    wrong = start = 0
    while start < len(seen):
        end = seen.index(b"\n", start)
        count, length = map(int, seen[start:end].split())
        start = end + 1 + length
        wrong += 0 if is_right(seen[end + 1 : start]) else count
    return wrong
