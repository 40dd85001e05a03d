"""The commands of the harness."""


def main() -> None:
    """Entry point."""
