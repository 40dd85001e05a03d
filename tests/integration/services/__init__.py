"""`harness` against services that others wrote with other frameworks."""
