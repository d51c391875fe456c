"""Fill the database as it looks in production, at a size that a test can afford."""

import os

from sqlalchemy import create_engine, text

if __name__ == "__main__":
    with create_engine(os.environ["DATABASE_URL"]).begin() as connection:
        connection.execute(text("insert into customers(name) select 'customer ' || n from generate_series(1, 40) n"))
        connection.execute(
            text("insert into orders(customer, cents) select 1 + n % 40, 100 + n from generate_series(1, 2000) n")
        )
