"""Metrics, statistics and logs, added up over workers."""
