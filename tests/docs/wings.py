"""Draw docs/wings.svg, the wings and their imports, from the code: `python -m tests.docs.wings`.

Rows are the layers of import-linter's contract in pyproject.toml, arrows are imports that stand in
the code. Only arrows that no longer path implies are drawn (the transitive reduction).
"""

from __future__ import annotations

import tomllib
from typing import Final, NamedTuple

import grimp
import networkx as nx

from tests import ROOT

IMAGE: Final = ROOT / "docs" / "wings.svg"
_WIDTH, _HEIGHT, _ROW, _COLUMN = 124, 34, 78, 150


class Wings(NamedTuple):
    """The layers of a package, highest first, and which wing imports which."""

    layers: list[list[str]]
    imports: nx.DiGraph


def read(package: str) -> Wings:
    """The wings of `service` or `training`."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    [rows] = [
        each["layers"] for each in contracts["contracts"] if each.get("containers") == [package]
    ]
    layers = [[name.strip() for name in row.split("|")] for row in rows]
    graph = grimp.build_graph(package)
    imports = nx.DiGraph()
    for wing in (name for layer in layers for name in layer):
        imports.add_node(wing)
        modules = {f"{package}.{wing}", *graph.find_descendants(f"{package}.{wing}")}
        for module in modules:
            for imported in graph.find_modules_directly_imported_by(module):
                other = imported.removeprefix(f"{package}.").partition(".")[0]
                if other != wing and imported != package:
                    imports.add_edge(wing, other)
    return Wings(layers, imports)


def svg() -> str:
    """Both packages beside each other."""
    wings = [read("service"), read("training")]
    widths = [max(len(layer) for layer in each.layers) * _COLUMN + 40 for each in wings]
    height = max(len(each.layers) for each in wings) * _ROW + 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {sum(widths)} {height}" '
        'font-family="sans-serif" font-size="14">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>',
        f'<rect width="{sum(widths)}" height="{height}" fill="#ffffff"/>',
    ]
    left = 0
    for name, each, width in zip(("service", "training"), wings, widths, strict=True):
        parts += _package(name, each, left, width)
        left += width
    return "\n".join([*parts, "</svg>\n"])


def _package(name: str, wings: Wings, left: int, width: int) -> list[str]:
    places = _places(wings, left + width / 2)
    parts = [
        f'<text x="{left + width / 2:g}" y="30" text-anchor="middle" font-size="18" '
        f'font-weight="bold" fill="#0f172a">{name}/</text>'
    ]
    reduced = nx.transitive_reduction(wings.imports)
    for wing, imported in sorted(reduced.edges):
        (x, y), (to_x, to_y) = places[wing], places[imported]
        top, bottom = y + _HEIGHT / 2, to_y - _HEIGHT / 2
        bend = (bottom - top) / 2
        parts.append(
            f'<path d="M{x:g} {top:g}C{x:g} {top + bend:g} {to_x:g} {bottom - bend:g} '
            f'{to_x:g} {bottom:g}" fill="none" stroke="#64748b" marker-end="url(#tip)"/>'
        )
    for wing, (x, y) in places.items():
        parts.append(
            f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" rx="6" fill="#e0f2fe" stroke="#0369a1"/>'
            f'<text x="{x:g}" y="{y + 5:g}" text-anchor="middle" fill="#0f172a">{wing}</text>'
        )
    return parts


def _places(wings: Wings, middle: float) -> dict[str, tuple[float, float]]:
    """The centre of each wing's box, in its layer's row; each row in the order of its importers."""
    places: dict[str, tuple[float, float]] = {}
    for row, layer in enumerate(wings.layers):

        def importers(wing: str) -> float:
            above = [places[one][0] for one in wings.imports.predecessors(wing) if one in places]
            return sum(above) / len(above) if above else middle

        ordered = sorted(layer, key=lambda wing: (importers(wing), wing))
        for column, wing in enumerate(ordered):
            x = middle + (column - (len(ordered) - 1) / 2) * _COLUMN
            # neighbouring single boxes step aside, so that arrows past them stay visible
            shift = (-1) ** row * 70 if len(ordered) == 1 else 0
            places[wing] = (x + shift, 75 + row * _ROW)
    return places


if __name__ == "__main__":
    IMAGE.write_text(svg(), encoding="utf-8")
