"""Measures the error rates of the verdicts: false alarms and missed regressions."""
