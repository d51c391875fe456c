"""A bakery: customers, orders, an oven."""
