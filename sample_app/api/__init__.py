"""HTTP: routes, their dependencies, and how errors look on the wire."""
