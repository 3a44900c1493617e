-- live.sql: the database of the server that recommends, beside the shop's: the clicks that it will get, the visitors'
-- states, and what became of each click.

PRAGMA journal_mode = WAL;
CREATE TABLE stream(n INTEGER PRIMARY KEY, visitor, item INTEGER);
CREATE TABLE live(visitor PRIMARY KEY, state BLOB) WITHOUT ROWID;
CREATE TABLE asked(n INTEGER PRIMARY KEY);
CREATE TABLE answered(
    n INTEGER PRIMARY KEY, at REAL,     -- when, as julianday()
    items INTEGER, basis TEXT,          -- how many were recommended, and by what
    version INTEGER,                    -- that was active then
    item, score REAL                    -- the first of them
);
