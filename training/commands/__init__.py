"""Commands of `python -m training`, one a module named like it.

Each offers `add(parser, words)`, which gives the parser its arguments (`words` are those behind the
command's name: some arguments depend on others), and `run(given)`, which does what was asked for
and returns an exit status. The first line of its docstring is what `--help` says of it. TensorFlow
takes seconds to import, so no module imports it at its top: `run` does, when all else is right.
"""
