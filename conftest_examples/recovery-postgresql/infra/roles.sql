-- Roles are no part of a database's dump; this file makes them, in production and after a loss.
-- Their passwords are set from the vault.
create role shop_web login connection limit 20;
create role shop_reports login;
create role shop_backup login;
grant pg_read_all_data to shop_backup;
