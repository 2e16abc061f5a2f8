"""Loads an export: candidate runtimes and precisions, goldens, warm-up."""
