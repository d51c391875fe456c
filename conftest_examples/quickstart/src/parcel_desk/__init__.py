"""What a parcel costs."""

PRICES = {"letter": 100, "small": 450, "large": 990}


def price(size: str, count: int = 1) -> int:
    """Return the price of ``count`` parcels of one size, in cents."""
    if count < 1:
        message = f"{count} parcels cannot be sent"
        raise ValueError(message)
    return PRICES[size] * count
