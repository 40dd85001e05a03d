"""The reference service: a small contacts API that harness loads, measures and judges."""

__version__ = "0.1.0"
