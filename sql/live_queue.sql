-- live_queue.sql: makes the trigger of live.sql a queue, so that who inserts clicks needs neither extension nor model.
--
--   sqlite3 shop.db < sql/live.sql; sqlite3 shop.db < sql/live_queue.sql
--
-- The trigger only notes the click. Whoever has the extension takes the clicks on, as often as states are to be fresh,
-- by one statement: a cron job, or the service that recommends, before it asks live_next:
--
--   sqlite3 -cmd '.timeout 5000' -cmd '.load ./gru4rec' shop.db 'DELETE FROM live_due'
--
-- It takes up to 1,000 clicks, oldest first, all or none of them; repeat it while live_queue has rows. Clicks that come
-- in meanwhile wait for their turn, or the INSERT for the end of the statement. Any number of processes may run it. What
-- fails (no extension, no trained model) leaves the queue as it is, and never fails an INSERT.

BEGIN;

DROP TRIGGER IF EXISTS clicks_live;
DROP TRIGGER IF EXISTS clicks_queue;
CREATE TRIGGER clicks_queue AFTER INSERT ON clicks BEGIN
    INSERT INTO live_queue(session_id, item_id, ts) VALUES (new.session_id, new.item_id, new.ts);
END;

-- Without live.sql nothing of this stays, even where a host goes on after an error.
CREATE TEMP TABLE live_check(is_there CONSTRAINT "live.sql comes first; run it, then live_queue.sql" CHECK (is_there));
INSERT OR ROLLBACK INTO live_check SELECT count(*) FROM sqlite_schema WHERE type = 'view' AND name = 'live_due';
DROP TABLE IF EXISTS temp.live_check;

COMMIT;
