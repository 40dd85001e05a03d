"""Bad input with the answer that each row must get; the fuzzers change these rows."""
