"""Frames from the harness go in, load and reports come out: the generator's own process."""
