"""budgets.yaml goes in; one frozen plan comes out: scenarios, indicators, budgets. Pure."""
