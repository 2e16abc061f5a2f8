"""Vocabularies, byte pairs, and sequence decoding."""
