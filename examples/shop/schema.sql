-- schema.sql: the shop's database. The names are the shop's own; the model is told which columns they are.

CREATE TABLE items(id INTEGER PRIMARY KEY, title TEXT, category TEXT, first_day INTEGER, last_day INTEGER);

-- Every click that was ever logged, as it was logged: nothing is thrown away, the training leaves out what it cannot use.
CREATE TABLE clicks(
    n INTEGER PRIMARY KEY,
    visitor,                            -- a cookie; NULL: none
    item_id INTEGER,                    -- '': a page without an item
    ts,                                 -- seconds since 1970, or a date as text
    day INTEGER                         -- of March 2026: which file it came from
);
CREATE INDEX clicks_visitor ON clicks(visitor);   -- makes WHERE session = ... fast
CREATE INDEX clicks_day ON clicks(day);

-- Sessions end at half an hour without a click; robots, whose sessions go on and on, are left out; one row of a hundred may
-- have a time that nobody can read. A training goes on from the version that serves, with what this one has not seen. Clicks
-- at the same time come in the order of n, also in the view exam, which has no rowids.
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, session=visitor, item=item_id, time=ts, order=n,
    session_gap=1800, max_length=50, long_sessions=drop, bad_rows=0.01,
    layers=48, n_sample=256, batch_size=32, n_epochs=2, since=last, keep_optimizer=true);

-- The shop's own diary: what the script did each night, and why. The model's history is its own: rec_version, rec_epoch.
CREATE TABLE night(
    day INTEGER PRIMARY KEY,
    clicks INTEGER,                     -- that came in
    active INTEGER,                     -- the version that served in the evening
    candidate INTEGER,                  -- the one that was trained; NULL: none
    until INTEGER,                      -- up to which time its clicks go
    active_mrr REAL, active_targets INTEGER,              -- in the exam: each has those targets whose item it knows
    candidate_mrr REAL, candidate_targets INTEGER,
    decision TEXT,                      -- first, deployed, kept, went back, rolled back, failed, killed
    serves INTEGER,                     -- the version that serves in the morning
    early INTEGER,                      -- clicks of the next day that came in meanwhile
    note TEXT                           -- what went wrong, and what was done about it
);

-- What neither the version that serves nor a candidate has seen when they are compared: the evening's clicks, from 18:00 on.
CREATE VIEW exam AS
SELECT * FROM clicks
WHERE day = (SELECT max(day) FROM night)
  AND CASE typeof(ts) WHEN 'text' THEN unixepoch(ts) ELSE ts END % 86400 >= 64800;

-- What gru4rec_status('rec') said, each time that the script asked.
CREATE TABLE told(
    at REAL, day INTEGER, moment TEXT,  -- at: as julianday()
    version INTEGER, status TEXT, active INTEGER, started TEXT, finished TEXT, epoch INTEGER, n_epochs INTEGER,
    progress REAL, seconds_left REAL, loss REAL, recall REAL, mrr REAL, message TEXT
);
