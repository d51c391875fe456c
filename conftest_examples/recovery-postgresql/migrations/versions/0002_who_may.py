"""The web application writes orders; the reports only read, and never a customer's name."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("grant select, insert on customers, orders to shop_web")
    op.execute("grant select on orders to shop_reports")
    op.execute("grant select (id) on customers to shop_reports")
    op.execute("alter database app set statement_timeout = '30s'")


def downgrade():
    op.execute("revoke all on customers, orders from shop_web, shop_reports")
    op.execute("alter database app reset statement_timeout")
