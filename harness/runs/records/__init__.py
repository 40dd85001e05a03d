"""Single requests of a run go in, JSON lines come out while the load runs, and back."""
