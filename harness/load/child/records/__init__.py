"""Outcomes of requests go in, the slowest and the failed ones come out for the next report."""
