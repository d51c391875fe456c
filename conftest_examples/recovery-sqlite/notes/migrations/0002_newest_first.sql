create index note_newest_first on note(notebook, written_at desc);
