"""A plan and, if known, a service's metric families go in; findings with a line come out."""
