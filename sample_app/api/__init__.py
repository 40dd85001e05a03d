"""HTTP: routes, their dependencies, and the format of errors."""
