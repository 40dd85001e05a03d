"""The engine, its pool, transactions, and the lock for preparations at start-up."""
