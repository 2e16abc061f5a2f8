"""Indexes that models fill and search."""
