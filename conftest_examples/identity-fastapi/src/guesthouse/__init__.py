"""A small guest house: rooms, guests, staff."""
