"""A run's evidence goes in, verdicts come out. Pure."""
