"""Past runs go in; a trend for each budget comes out."""
