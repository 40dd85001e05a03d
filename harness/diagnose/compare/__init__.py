"""The recordings of two versions in, the ranked causes of each regression out; pure."""
