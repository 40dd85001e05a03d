"""Planted regressions: mistakes that a pull request could contain, one per file, off by default.

They prove that the budgets detect regressions: `harness selftest` plants one at a time by
`SAMPLE_APP_REGRESSIONS`, and the run must breach the budgets in the docstring of the regression.

They are planted once, before the application is created. Without the setting, no module of this
package is imported, and no code of the service checks for it.
"""
