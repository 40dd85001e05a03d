"""Batches of a window go in; confidence bounds of a share, mean or quantile come out."""
