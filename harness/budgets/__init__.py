"""budgets.yaml: parsed, refused when it is nonsense, and turned into one frozen plan."""
