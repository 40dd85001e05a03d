"""From budgets.yaml to dashboards and Prometheus rules: values in, text out."""
