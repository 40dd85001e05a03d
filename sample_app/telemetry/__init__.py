"""Exact metrics and sampled traces; no file in here knows about contacts, so copy the folder."""
