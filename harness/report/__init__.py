"""Verdicts and evidence go in, text for people and programs comes out. Pure."""
