-- prepare_split.sql: what the five data sets of Hidasi and Czapp (RecSys 2023, arXiv 2307.14956) have in common: steps
-- d, e and f, below. Not a recipe itself: prepare_yoochoose.sql, _rees46, _coveo, _retailrocket and
-- _diginetica .read it, inside the transaction that they began. Takes, and drops, two TEMP tables:
--
--   sorted(SessionId, ItemId, Time)   the events, in order by rowid: 1, 2, 3 and so on, without a hole
--   split_at(tsplit, w)               end and length of the test's window; tsplit NULL: the time of the last event
--
-- fills the tables train_full, test, train_tr and train_valid, which are there and empty, commits, and prints counts.

-- (d) Of an item that follows itself in a session, the first event. The row before is found by its rowid, in one pass
--     with nothing to sort; lag() would keep a copy of the table.
CREATE TEMP TABLE event(SessionId INTEGER, n INTEGER, ItemId, Time INTEGER, PRIMARY KEY (SessionId, n)) WITHOUT ROWID;
INSERT INTO event
  SELECT e.SessionId, e.rowid, e.ItemId, e.Time
  FROM sorted AS e LEFT JOIN sorted AS prior ON prior.rowid = e.rowid - 1
  WHERE prior.SessionId IS NOT e.SessionId OR prior.ItemId IS NOT e.ItemId;
DROP TABLE sorted;

-- (e) Sessions of one event go, then items of less than five, until a whole pass changes nothing. A pass is a row with
--     the events that it found; the trigger does it, and begins the next one, as long as there are fewer and fewer.
CREATE INDEX temp.event_item ON event(ItemId);
CREATE TEMP TABLE pass(i INTEGER PRIMARY KEY, n_events INTEGER);
CREATE TEMP TRIGGER pass_by_pass AFTER INSERT ON pass
WHEN new.i = 1 OR new.n_events < (SELECT n_events FROM pass WHERE i = new.i - 1)
BEGIN
  DELETE FROM event WHERE SessionId IN (SELECT SessionId FROM event GROUP BY SessionId HAVING count(*) = 1);
  DELETE FROM event WHERE ItemId IN (SELECT ItemId FROM event GROUP BY ItemId HAVING count(*) < 5);
  INSERT INTO pass SELECT new.i + 1, count(*) FROM event;
END;
PRAGMA recursive_triggers = ON;
INSERT INTO pass SELECT 1, count(*) FROM event;
DROP TABLE pass;
DROP INDEX temp.event_item;

-- (f) The test: sessions that begin in the window, with items that are new to the training (the evaluation counts them
--     as skipped). The training: all events before the window. A session that goes on into the window is cut there.
CREATE TEMP TABLE begins AS
  SELECT coalesce(tsplit, (SELECT max(Time) FROM event)) - w AS test,
         coalesce(tsplit, (SELECT max(Time) FROM event)) - 2 * w AS valid FROM split_at;
INSERT INTO test
  SELECT SessionId, ItemId, Time FROM event
  WHERE SessionId IN (SELECT SessionId FROM event GROUP BY SessionId
                      HAVING min(Time) >= (SELECT test FROM begins))
  ORDER BY SessionId, n;
INSERT INTO train_full
  SELECT SessionId, ItemId, Time FROM event
  WHERE Time < (SELECT test FROM begins)
    AND SessionId IN (SELECT SessionId FROM event WHERE Time < (SELECT test FROM begins)
                      GROUP BY SessionId HAVING count(*) > 1)
  ORDER BY SessionId, n;
DROP TABLE event;
CREATE INDEX train_full_session ON train_full(SessionId, Time);
CREATE INDEX test_session ON test(SessionId, Time);

-- The same with train_full, for the window before.
INSERT INTO train_valid
  SELECT SessionId, ItemId, Time FROM train_full
  WHERE SessionId IN (SELECT SessionId FROM train_full GROUP BY SessionId
                      HAVING min(Time) >= (SELECT valid FROM begins))
  ORDER BY rowid;
INSERT INTO train_tr
  SELECT SessionId, ItemId, Time FROM train_full
  WHERE Time < (SELECT valid FROM begins)
    AND SessionId IN (SELECT SessionId FROM train_full WHERE Time < (SELECT valid FROM begins)
                      GROUP BY SessionId HAVING count(*) > 1)
  ORDER BY rowid;
CREATE INDEX train_tr_session ON train_tr(SessionId, Time);
CREATE INDEX train_valid_session ON train_valid(SessionId, Time);
DROP TABLE begins;
DROP TABLE split_at;
COMMIT;

.mode box
SELECT 'train_full' AS "table", count(*) AS events, count(DISTINCT SessionId) AS sessions,
       count(DISTINCT ItemId) AS items FROM train_full
UNION ALL SELECT 'test', count(*), count(DISTINCT SessionId), count(DISTINCT ItemId) FROM test
UNION ALL SELECT 'train_tr', count(*), count(DISTINCT SessionId), count(DISTINCT ItemId) FROM train_tr
UNION ALL SELECT 'train_valid', count(*), count(DISTINCT SessionId), count(DISTINCT ItemId) FROM train_valid;
