"""A plan goes in; the texts of dashboards, rules and their tests come out. Pure."""
