"""The commands, one file each: its options, and its body from parsed options to exit code."""
