-- prepare_rsc15.sql: the RSC15 data set of the GRU4Rec papers (ICLR 2016, CIKM 2018), prepared as there.
--
-- Raw data: yoochoose-clicks.dat of the "RecSys Challenge 2015" (its page at recsys.acm.org), in the current
-- directory; session,time,item,category without a header. Into a new database, from the project's root:
--
--   sqlite3 rsc15.db < sql/prepare_rsc15.sql
--
-- It does all or nothing. Scratch files, up to three times as large as the raw ones, go where SQLITE_TMPDIR says.
--
-- Leaves train_full and test, and train_tr and train_valid, which are train_full split once more to tune options on:
-- columns SessionId, ItemId, Time (seconds), rows in the order of the file, indexed by SessionId and Time. Then:
--
--   .load ./gru4rec
--   SELECT gru4rec_train('rec', 'train_full', 'preset=rsc15');
--   SELECT * FROM gru4rec_evaluate('rec', 'test', 'cutoffs=20');

.bail on
PRAGMA cache_size = -500000;         -- half a gigabyte to sort in,
PRAGMA temp.cache_size = -500000;    -- and as much for scratch tables
BEGIN;
-- First of all, so that a name that is taken stops it before the work and not after it.
CREATE TABLE train_full(SessionId INTEGER, ItemId INTEGER, Time REAL);
CREATE TABLE test(SessionId INTEGER, ItemId INTEGER, Time REAL);
CREATE TABLE train_tr(SessionId INTEGER, ItemId INTEGER, Time REAL);
CREATE TABLE train_valid(SessionId INTEGER, ItemId INTEGER, Time REAL);

-- 1. Times with their milliseconds, in UTC. The published code took them for the local time of its machine: a constant
--    shift, which changes no order and no split.
CREATE TEMP TABLE line(session INTEGER, time TEXT, item INTEGER, category TEXT);
.import --csv yoochoose-clicks.dat line
CREATE TEMP TABLE click(SessionId INTEGER, ItemId INTEGER, Time REAL);
INSERT INTO click
  SELECT session, item, unixepoch(substr(time, 1, 19)) + CAST(substr(time, 20, 4) AS REAL) FROM line ORDER BY rowid;
DROP TABLE line;

-- 2. Sessions of two events, items of five, sessions of two: once, so that items may end below five.
DELETE FROM click WHERE SessionId IN (SELECT SessionId FROM click GROUP BY SessionId HAVING count(*) < 2);
DELETE FROM click WHERE ItemId IN (SELECT ItemId FROM click GROUP BY ItemId HAVING count(*) < 5);
DELETE FROM click WHERE SessionId IN (SELECT SessionId FROM click GROUP BY SessionId HAVING count(*) < 2);

-- 3. The sessions that end in the last day are for the test, as a whole.
CREATE TEMP TABLE ended(SessionId INTEGER PRIMARY KEY, last REAL);
INSERT INTO ended SELECT SessionId, max(Time) FROM click GROUP BY SessionId;
CREATE TEMP TABLE held_out(SessionId INTEGER PRIMARY KEY);
INSERT INTO held_out SELECT SessionId FROM ended WHERE last >= (SELECT max(last) FROM ended) - 86400;
INSERT INTO train_full
  SELECT SessionId, ItemId, Time FROM click
  WHERE SessionId NOT IN (SELECT SessionId FROM held_out) ORDER BY rowid;

-- 4. The test has no items that the training does not know, and no sessions that are left with one event.
CREATE TEMP TABLE known(SessionId INTEGER, ItemId INTEGER, Time REAL);
INSERT INTO known
  SELECT SessionId, ItemId, Time FROM click
  WHERE SessionId IN (SELECT SessionId FROM held_out) AND ItemId IN (SELECT ItemId FROM train_full) ORDER BY rowid;
INSERT INTO test
  SELECT SessionId, ItemId, Time FROM known
  WHERE SessionId IN (SELECT SessionId FROM known GROUP BY SessionId HAVING count(*) > 1) ORDER BY rowid;

-- 5. The same with train_full, by its own last day.
DELETE FROM ended WHERE SessionId IN (SELECT SessionId FROM held_out);
DELETE FROM held_out;
DELETE FROM known;
INSERT INTO held_out SELECT SessionId FROM ended WHERE last >= (SELECT max(last) FROM ended) - 86400;
INSERT INTO train_tr
  SELECT SessionId, ItemId, Time FROM train_full
  WHERE SessionId NOT IN (SELECT SessionId FROM held_out) ORDER BY rowid;
INSERT INTO known
  SELECT SessionId, ItemId, Time FROM train_full
  WHERE SessionId IN (SELECT SessionId FROM held_out) AND ItemId IN (SELECT ItemId FROM train_tr) ORDER BY rowid;
INSERT INTO train_valid
  SELECT SessionId, ItemId, Time FROM known
  WHERE SessionId IN (SELECT SessionId FROM known GROUP BY SessionId HAVING count(*) > 1) ORDER BY rowid;

DROP TABLE click;
DROP TABLE ended;
DROP TABLE held_out;
DROP TABLE known;
CREATE INDEX train_full_session ON train_full(SessionId, Time);
CREATE INDEX test_session ON test(SessionId, Time);
CREATE INDEX train_tr_session ON train_tr(SessionId, Time);
CREATE INDEX train_valid_session ON train_valid(SessionId, Time);
COMMIT;

.mode box
SELECT 'train_full' AS "table", count(*) AS events, count(DISTINCT SessionId) AS sessions,
       count(DISTINCT ItemId) AS items FROM train_full
UNION ALL SELECT 'test', count(*), count(DISTINCT SessionId), count(DISTINCT ItemId) FROM test
UNION ALL SELECT 'train_tr', count(*), count(DISTINCT SessionId), count(DISTINCT ItemId) FROM train_tr
UNION ALL SELECT 'train_valid', count(*), count(DISTINCT SessionId), count(DISTINCT ItemId) FROM train_valid;
