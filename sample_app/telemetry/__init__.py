"""Exact metrics and sampled traces; independent of contacts, so the folder can be copied."""
