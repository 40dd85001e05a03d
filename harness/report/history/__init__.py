"""From stored runs to a trend for each budget."""
