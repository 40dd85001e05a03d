"""From evidence to verdicts: measure, guard, decide. Values in, values out."""
