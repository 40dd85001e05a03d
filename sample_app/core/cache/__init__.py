"""Named caches of one or two levels: in this process, in Redis, or both."""
