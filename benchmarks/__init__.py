"""Measurements: each module is a command, and each peer a file."""
