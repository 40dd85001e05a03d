"""harness: a load-testing gate that puts a service under load, watches it, and judges it.

A locustfile may say `from harness import FastUser`; until one does, nothing else is imported.
"""

TYPE_CHECKING = False  # as in `typing`, whose import would take as long as all of `harness --help`
if TYPE_CHECKING:
    from harness.load.child.fast.user import FastUser as FastUser

__all__ = ["FastUser"]


def __getattr__(name: str) -> object:
    if name != "FastUser":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness.load.child.fast.user import FastUser

    return FastUser
