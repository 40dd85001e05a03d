"""Answers over plain HTTP go in, the times at which the kernel received them come out."""
