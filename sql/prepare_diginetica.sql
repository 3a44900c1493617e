-- prepare_diginetica.sql: the Diginetica data set of Hidasi and Czapp (RecSys 2023), prepared as there.
--
-- Raw data: train-item-views.csv of "CIKM Cup 2016 Track 2: Personalized E-Commerce Search Challenge" (its page at
-- CodaLab), in the current directory; sessionId;userId;itemId;timeframe;eventdate. Into a new database, from the
-- project's root:
--
--   sqlite3 diginetica.db < sql/prepare_diginetica.sql
--
-- It does all or nothing. Scratch files, up to three times as large as the raw ones, go where SQLITE_TMPDIR says.
--
-- Leaves train_full and test, and train_tr and train_valid, which are train_full split once more to tune options on:
-- columns SessionId, ItemId, Time (milliseconds), rows by session and time, indexed by the two. Then:
--
--   .load ./gru4rec
--   SELECT gru4rec_train('rec', 'train_full', 'preset=diginetica');
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

-- timeframe is milliseconds from the session's beginning; of that only the day is known, the first one of its events.
CREATE TEMP TABLE line(session INTEGER, user TEXT, item INTEGER, timeframe INTEGER, eventdate TEXT);
.separator ";" "\n"
.import --skip 1 train-item-views.csv line
CREATE TEMP TABLE sorted(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
INSERT INTO sorted
  SELECT session, item, 1000 * unixepoch(min(eventdate) OVER (PARTITION BY session)) + timeframe AS ms
  FROM line ORDER BY session, ms, item;
DROP TABLE line;

CREATE TEMP TABLE split_at AS SELECT NULL AS tsplit, 7 * 86400000 AS w;
.read sql/prepare_split.sql
