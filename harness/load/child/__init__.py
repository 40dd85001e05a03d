"""Frames from the harness go in, load and reports come out: the process of a generator."""
