"""The logic: what a use case does, in which transaction, and what it caches."""
