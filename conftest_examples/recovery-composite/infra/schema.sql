create table orders(
    id bigint generated always as identity primary key,
    picture text not null unique,
    created_at timestamptz not null default now()
);
grant select, insert on orders to shop_web;
