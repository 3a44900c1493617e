-- live.sql: keeps the state of every visitor's session beside the event table, by a trigger.
--
--   sqlite3 shop.db < sql/live.sql        (in a database with clicks and a trained model rec)
--
-- Each click costs one step of the network, however long the session is; no query reads the
-- session's history again. A state carries the last 32 items of its session, so that after a
-- retraining it goes on with the new model. Whoever inserts clicks needs the extension loaded.

.load ./gru4rec

CREATE TABLE IF NOT EXISTS live(
    session_id PRIMARY KEY,
    state BLOB,              -- what gru4rec_step() returned last
    ts                       -- of the last click, to end sessions
) WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS clicks_live AFTER INSERT ON clicks BEGIN
    INSERT INTO live VALUES (new.session_id, gru4rec_step('rec', NULL, new.item_id), new.ts)
    ON CONFLICT (session_id) DO UPDATE
    -- half an hour without a click, and a new session begins
    SET state = gru4rec_step('rec', iif(new.ts - ts > 1800, NULL, state), new.item_id), ts = new.ts;
END;

-- What comes next for a visitor, with what was seen left out.
CREATE VIEW IF NOT EXISTS live_next AS
SELECT live.session_id, next.rank, next.item, next.score, next.basis
FROM live JOIN gru4rec_recommend('rec', live.state, 20) AS next
WHERE next.exclude_seen = 1;
