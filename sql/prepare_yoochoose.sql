-- prepare_yoochoose.sql: the Yoochoose data set of Hidasi and Czapp (RecSys 2023), prepared as there.
--
-- The published sets have a quirk that this has not: their rows were removed by label, and the two files repeat each
-- other's labels, so that with each row the row of the same number in the other file went too. Here a row is removed
-- for its own sake only; results are not to be compared with those on the published sets.
--
-- Raw data: yoochoose-clicks.dat and yoochoose-test.dat of the "RecSys Challenge 2015" (its page at recsys.acm.org),
-- in the current directory; session,time,item,category without a header. Into a new database, from the project's root:
--
--   sqlite3 yoochoose.db < sql/prepare_yoochoose.sql
--
-- It does all or nothing. Scratch files, up to three times as large as the raw ones, go where SQLITE_TMPDIR says.
--
-- Leaves train_full and test, and train_tr and train_valid, which are train_full split once more to tune options on:
-- columns SessionId, ItemId, Time (seconds), rows by session and time, indexed by the two. Then:
--
--   .load ./gru4rec
--   SELECT gru4rec_train('rec', 'train_full', 'preset=yoochoose');
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

-- Time is floored before it sorts: clicks of the same second come in the order of their items.
CREATE TEMP TABLE line(session INTEGER, time TEXT, item INTEGER, category TEXT);
.import --csv yoochoose-clicks.dat line
.import --csv yoochoose-test.dat line
CREATE TEMP TABLE sorted(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
INSERT INTO sorted
  SELECT session, item, unixepoch(substr(time, 1, 19)) AS second FROM line ORDER BY session, second, item;
DROP TABLE line;

CREATE TEMP TABLE split_at AS SELECT NULL AS tsplit, 86400 AS w;
.read sql/prepare_split.sql
