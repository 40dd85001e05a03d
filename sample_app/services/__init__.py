"""The logic of the use cases, with their transactions and caches."""
