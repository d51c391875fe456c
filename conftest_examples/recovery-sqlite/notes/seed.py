"""Fill the file as it looks in production, at a size that a test can afford."""

from contextlib import closing

from notes import add_note, connect

if __name__ == "__main__":
    with closing(connect()) as connection, connection:
        connection.executemany("insert into notebook values (?, ?)", [(1, "Kitchen"), (2, "Garden")])
    for number in range(50):
        add_note(1 + number % 2, f"note {number}: sow the peas, and mind the 🐌")
