"""A capacity goes in; its reports as text come out."""
