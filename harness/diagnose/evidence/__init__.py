"""Causes from other evidence than traces and the profile under load."""
