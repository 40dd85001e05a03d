"""A plan goes in; Grafana dashboards come out."""
