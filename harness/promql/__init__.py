"""Indicators go in; PromQL that measures them comes out. Pure."""
