"""The version of Lutrin, read by the build, the documentation page and the command line."""

__version__ = "0.4.0"
