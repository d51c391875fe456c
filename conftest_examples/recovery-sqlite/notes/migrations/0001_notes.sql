pragma application_id = 1313821779;
create table notebook(id integer primary key, title text not null unique);
create table note(
    id integer primary key autoincrement,
    notebook integer not null references notebook(id),
    text text not null,
    written_at text not null
);
