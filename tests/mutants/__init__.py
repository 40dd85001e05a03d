"""The judge with one fault at a time: each must be noticed by a test."""
