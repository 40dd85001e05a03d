"""What was recorded of a run in, the ranked causes of each breach out; pure."""
