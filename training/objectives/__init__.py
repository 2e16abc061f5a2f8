"""Losses, metrics, regularizers and constraints."""
