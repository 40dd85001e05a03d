"""A command goes in; a process that cannot outlive the harness comes out."""
