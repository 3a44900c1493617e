-- shop.sql: the database that serve.py serves, of the demo's shop (in the project's root: sqlite3 shop.db <examples/http/shop.sql).
-- Visitors are texts, as cookies are. Your own shop: the table clicks, the model rec, sql/live.sql and sql/live_queue.sql.

.bail on
.load ./gru4rec
PRAGMA journal_mode = WAL;          -- who recommends does not wait for who logs a click
.read sql/demo_clicks.sql
ALTER TABLE clicks RENAME TO log;
CREATE TABLE clicks(session_id TEXT, item_id INTEGER, ts INTEGER);
INSERT INTO clicks SELECT * FROM log;
DROP TABLE log;
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, session=session_id, item=item_id, time=ts, session_gap=1800, n_epochs=3);
SELECT gru4rec_train('rec') ->> 'events' || ' clicks';
.read sql/live.sql
.read sql/live_queue.sql
