"""A run so far goes in; whether its load, its warm-up or its window may end comes out."""
