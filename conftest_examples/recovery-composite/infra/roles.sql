create role shop_web login;
create role shop_backup login;
grant pg_read_all_data to shop_backup;
