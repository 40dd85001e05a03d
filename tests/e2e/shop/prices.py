"""Prices of items."""


def price_of(number: int) -> int:
    return 100 + number % 50
