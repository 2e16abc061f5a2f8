"""The Dockerfile and .dockerignore, read as far as this project's use of them goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, its continued lines joined."""

    keyword: str
    value: str

    @property
    def flags(self) -> list[str]:
        """What stands first as --name=value."""
        return re.findall(r"(?:^|(?<=\s))--\S+", self.value)

    @property
    def words(self) -> list[str]:
        """The value without its flags."""
        return [word for word in self.value.split() if not word.startswith("--")]


def read_stages(text: str) -> dict[str, list[Instruction]]:
    """The instructions of each named stage, its FROM first; '' holds what precedes them."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    stages: dict[str, list[Instruction]] = {"": []}
    stage = ""
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, value = line.partition(" ")
        instruction = Instruction(keyword.upper(), value.strip())
        if instruction.keyword == "FROM":
            stage = instruction.words[2]
            stages[stage] = []
        stages[stage].append(instruction)
    return stages


STAGES: Final = read_stages((ROOT / "Dockerfile").read_text())


def lineage(stage: str) -> list[Instruction]:
    """The instructions that make an image: those of the stages it is built from, then its own."""
    if stage not in STAGES:
        return []
    return lineage(STAGES[stage][0].words[0]) + STAGES[stage]


def last(stage: str, keyword: str) -> str:
    """The value that the last such instruction leaves in the image."""
    return [one.value for one in lineage(stage) if one.keyword == keyword][-1]


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps `path` out: the last line naming it or a parent decides."""
    ignored = False
    parents = ["/".join(path.split("/")[:end]) for end in range(1, path.count("/") + 2)]
    for pattern in patterns:
        expression = re.escape(pattern.removeprefix("!"))
        expression = expression.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(expression, parent) for parent in parents):
            ignored = not pattern.startswith("!")
    return ignored


def ignored_patterns() -> list[str]:
    """The lines of .dockerignore that say something."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]
