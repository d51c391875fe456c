"""Customers and orders."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("create table customers(id bigint generated always as identity primary key, name text not null unique)")
    op.execute("""
        create table orders(
            id bigint generated always as identity primary key,
            customer bigint not null references customers,
            cents integer not null check (cents > 0),
            created_at timestamptz not null default now())
    """)


def downgrade():
    op.execute("drop table orders, customers")
