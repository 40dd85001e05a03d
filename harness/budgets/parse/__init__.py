"""The text of budgets.yaml goes in; a `Plan` comes out, or every error with file and line."""
