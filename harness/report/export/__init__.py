"""From stored runs to text in the format of another tool."""
