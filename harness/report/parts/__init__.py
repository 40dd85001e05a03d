"""What several reports share: words, tables, and the elements of each format."""
