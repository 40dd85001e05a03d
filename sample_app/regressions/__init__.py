"""Planted regressions: mistakes that a pull request could make, one a file, off by default.

They prove that the budgets notice: `harness selftest` switches on one at a time by
`SAMPLE_APP_REGRESSIONS`, and the run must break the budgets that the mistake's docstring names.

They are planted once, before the application is made. While they are off, nothing of this package
is imported, and no line of the service asks for it.
"""
