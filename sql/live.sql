-- live.sql: keeps the state of every visitor's session beside the event table, by a trigger.
--
--   sqlite3 shop.db < sql/live.sql        (in a database with clicks and a trained model rec; again: renews all but live and live_queue)
--
-- Each click costs one step of the network, however long the session is; no query reads the session's history again. A
-- state carries the last items of its session (option state_items of the model), so that after a retraining it goes on
-- with the new model.
--
-- A click without a session or an item (NULL, an empty text), or with an item that no model takes, is logged and changes
-- nothing here; so is every click while there is no table rec. What SQL cannot catch fails the INSERT: no extension on
-- its connection, or a model that is not trained yet, or damaged. So train a new model under another name, and rename it
-- when it is ready; or add live_queue.sql, with which an INSERT needs neither extension nor model.

BEGIN;

CREATE TABLE IF NOT EXISTS live(
    session_id PRIMARY KEY,
    state BLOB,              -- what gru4rec_step() returned last
    ts                       -- of the latest click, in seconds since 1970, to end sessions
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS live_ts ON live(ts);

-- A click inserted here takes its session on; nothing is kept but the state.
DROP VIEW IF EXISTS live_click;
CREATE VIEW live_click(session_id, item_id, ts) AS SELECT NULL, NULL, NULL WHERE false;
CREATE TRIGGER live_step INSTEAD OF INSERT ON live_click WHEN new.session_id <> '' BEGIN
    INSERT INTO live
    -- half an hour without a click, and a new session begins
    SELECT new.session_id,
           gru4rec_step('rec', (SELECT state FROM live
                                WHERE session_id = new.session_id AND click.ts - live.ts <= 1800), click.item),
           click.ts
    FROM (SELECT CASE typeof(new.item_id)
                 WHEN 'integer' THEN new.item_id
                 -- a text that looks like JSON is an item only if the model knows it
                 WHEN 'text' THEN iif(ltrim(new.item_id, char(32, 9, 10, 13)) GLOB '[[{]*'
                                      AND NOT EXISTS (SELECT 1 FROM gru4rec_recommend('rec', NULL) WHERE item = new.item_id),
                                      NULL, new.item_id)
                 WHEN 'real' THEN iif(abs(new.item_id) < 9007199254740992 AND new.item_id = CAST(new.item_id AS INTEGER),
                                      new.item_id, NULL)
                 END AS item,
                 -- Times are read as a training reads them. Numbers are seconds, milli-, micro- or nanoseconds, by their
                 -- size. Of what is no time the clock has one.
                 coalesce(CASE WHEN t < 1e11 THEN t
                               WHEN t < 1e14 THEN t / 1e3
                               WHEN t < 1e17 THEN t / 1e6
                               WHEN t < 1e20 THEN t / 1e9 END, unixepoch()) AS ts
          FROM (SELECT gru4rec_time(new.ts) AS t)) AS click
    WHERE click.item <> ''
    ON CONFLICT (session_id) DO UPDATE SET state = excluded.state,
        -- A late click does not turn the time back. But what lies a day ahead of the click and the clock was a wrong clock.
        ts = iif(live.ts > max(excluded.ts, unixepoch()) + 86400, excluded.ts, max(live.ts, excluded.ts));

    -- A day after its last click a state goes: a few of them at each click, so that none pays for all. The clock bounds
    -- the click's time: one that lies ahead of it ends nobody's session.
    DELETE FROM live WHERE session_id IN (
        SELECT session_id FROM live
        WHERE ts < (SELECT min(ts, unixepoch()) FROM live WHERE session_id = new.session_id) - 86400 ORDER BY ts LIMIT 4);
END;

-- The clicks whose turn it is, in their order; to delete them here is to take them on.
CREATE TABLE IF NOT EXISTS live_queue(n INTEGER PRIMARY KEY, session_id, item_id, ts);
DROP VIEW IF EXISTS live_due;
CREATE VIEW live_due AS SELECT n, session_id, item_id, ts FROM live_queue ORDER BY n LIMIT 1000;
CREATE TRIGGER live_take INSTEAD OF DELETE ON live_due BEGIN
    INSERT INTO live_click VALUES (old.session_id, old.item_id, old.ts);
    DELETE FROM live_queue WHERE n = old.n;
END;

DROP TRIGGER IF EXISTS clicks_queue;    -- of live_queue.sql, which takes the place of this one
DROP TRIGGER IF EXISTS clicks_live;
CREATE TRIGGER clicks_live AFTER INSERT ON clicks
WHEN EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rec' COLLATE NOCASE) BEGIN
    INSERT INTO live_queue(session_id, item_id, ts) VALUES (new.session_id, new.item_id, new.ts);
    DELETE FROM live_due;    -- what live_queue.sql left there comes first
END;

-- What comes next for a visitor, with what was seen left out.
DROP VIEW IF EXISTS live_next;
CREATE VIEW live_next AS
SELECT live.session_id, next.rank, next.item, next.score, next.basis
FROM live JOIN gru4rec_recommend('rec', live.state, 20) AS next
WHERE next.exclude_seen = 1;

COMMIT;
