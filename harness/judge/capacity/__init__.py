"""Judged runs at several rates go in; the highest rate at which every budget holds comes out."""
