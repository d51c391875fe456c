"""Place some orders."""

import os

import shop

if __name__ == "__main__":
    for _ in range(30):
        shop.place_order(os.environ)
