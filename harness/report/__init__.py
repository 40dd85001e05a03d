"""Verdicts for people and machines: one file a format, values in, text out."""
