"""Parsed options go in, an exit code comes out: one file a command, its options and its body."""
