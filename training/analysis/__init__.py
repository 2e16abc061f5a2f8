"""Plots, layer summaries, FLOPs."""
