"""Paired runs of two versions go in; a change with its interval, a budget each, comes out."""
