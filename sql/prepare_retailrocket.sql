-- prepare_retailrocket.sql: the RetailRocket data set of Hidasi and Czapp (RecSys 2023), prepared as there.
--
-- Raw data: events.csv of the "Retailrocket recommender system dataset" (its page at Kaggle), in the current
-- directory; timestamp,visitorid,event,itemid,transactionid. Into a new database, from the project's root:
--
--   sqlite3 retailrocket.db < sql/prepare_retailrocket.sql
--
-- It does all or nothing. Scratch files, up to three times as large as the raw ones, go where SQLITE_TMPDIR says.
--
-- Leaves train_full and test, and train_tr and train_valid, which are train_full split once more to tune options on:
-- columns SessionId, ItemId, Time (milliseconds), rows by session and time, indexed by the two. Then:
--
--   .load ./gru4rec
--   SELECT gru4rec_train('rec', 'train_full', 'preset=retailrocket');
--   SELECT * FROM gru4rec_evaluate('rec', 'test', 'cutoffs=20');

.bail on
PRAGMA cache_size = -500000;         -- half a gigabyte to sort in,
PRAGMA temp.cache_size = -500000;    -- and as much for scratch tables
BEGIN;
-- First of all, so that a name that is taken stops it before the work and not after it.
CREATE TABLE train_full(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
CREATE TABLE test(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
CREATE TABLE train_tr(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
CREATE TABLE train_valid(SessionId INTEGER, ItemId INTEGER, Time INTEGER);

CREATE TEMP TABLE line(ms INTEGER, visitor INTEGER, event TEXT, item INTEGER, "transaction" TEXT);
.import --csv --skip 1 events.csv line
CREATE TEMP TABLE action(visitor INTEGER, item INTEGER, ms INTEGER, is_view INTEGER);
INSERT INTO action SELECT visitor, item, ms, event = 'view' FROM line ORDER BY visitor, ms, item;
DROP TABLE line;

-- A session is cut where a visitor did nothing of any kind for more than an hour; then only views are kept. The row
-- before is found by its rowid, as in prepare_split.sql.
CREATE TEMP TABLE sorted(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
INSERT INTO sorted
  SELECT session, item, ms
  FROM (SELECT a.rowid AS n, a.item, a.ms, a.is_view,
               sum(prior.visitor IS NOT a.visitor OR a.ms - prior.ms > 3600000) OVER (ORDER BY a.rowid) - 1 AS session
        FROM action AS a LEFT JOIN action AS prior ON prior.rowid = a.rowid - 1)
  WHERE is_view ORDER BY n;
DROP TABLE action;

-- 2015-09-18 03:00 UTC.
CREATE TEMP TABLE split_at AS SELECT 1442545200000 AS tsplit, 7 * 86400000 AS w;
.read sql/prepare_split.sql
