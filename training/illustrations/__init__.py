"""Illustrations of the course, one a module named like it; each offers `draw(folder)`.

`draw(folder: Path) -> Path`, or `-> tuple[Path, ...]` where there are several, writes PNG files
into `folder`, which exists, and returns where. One that needs a data set or an export which is not
there raises a `TrainingError` that says so in one sentence. A module may import TensorFlow and
matplotlib at its top: it is imported when it is drawn.
"""
