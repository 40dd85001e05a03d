"""A plan goes in; Prometheus rules and promtool tests of them come out."""
