-- prepare_rees46.sql: the Rees46 data set of Hidasi and Czapp (RecSys 2023), prepared as there.
--
-- Raw data: 2019-Oct.csv and 2019-Nov.csv of "eCommerce behavior data from multi category store" (REES46's page at
-- Kaggle), in the current directory; event_time,event_type,product_id,category_id,category_code,brand,price,user_id,
-- user_session. Into a new database, from the project's root:
--
--   sqlite3 rees46.db < sql/prepare_rees46.sql
--
-- It does all or nothing. Scratch files, up to three times as large as the raw ones, go where SQLITE_TMPDIR says.
--
-- Leaves train_full and test, and train_tr and train_valid, which are train_full split once more to tune options on:
-- columns SessionId, ItemId, Time (seconds), rows by session and time, indexed by the two. Then:
--
--   .load ./gru4rec
--   SELECT gru4rec_train('rec', 'train_full', 'preset=rees46');
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

-- Lines are converted as they come, and RAISE(IGNORE) stores none: the files have 15 GB, most of which is not needed.
CREATE TEMP TABLE action(user INTEGER, item INTEGER, second INTEGER, is_view INTEGER);
CREATE TEMP TABLE line(event_time TEXT, event_type TEXT, product_id INTEGER, category_id TEXT, category_code TEXT,
                       brand TEXT, price TEXT, user_id INTEGER, user_session TEXT);
CREATE TEMP TRIGGER line_to_action BEFORE INSERT ON line
BEGIN
  INSERT INTO action VALUES (new.user_id, new.product_id, unixepoch(substr(new.event_time, 1, 19)),
                             new.event_type = 'view');
  SELECT RAISE(IGNORE);
END;
.import --csv --skip 1 2019-Oct.csv line
.import --csv --skip 1 2019-Nov.csv line
DROP TABLE line;

-- Users, and items of the same second, come in the order in which the files have them first, in an event of any type.
CREATE TEMP TABLE user(id INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO user SELECT user, min(rowid) FROM action GROUP BY user;
CREATE TEMP TABLE item(id INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO item SELECT item, min(rowid) FROM action GROUP BY item;
CREATE TEMP TABLE viewed(user INTEGER, item INTEGER, second INTEGER);
INSERT INTO viewed
  SELECT user.id, item.id, second
  FROM action JOIN user ON user.id = action.user JOIN item ON item.id = action.item
  WHERE is_view ORDER BY user.first, second, item.first;
DROP TABLE action;
DROP TABLE user;
DROP TABLE item;

-- A session is cut where a user viewed nothing for more than an hour, whatever else was done. The row before is found
-- by its rowid, as in prepare_split.sql.
CREATE TEMP TABLE sorted(SessionId INTEGER, ItemId INTEGER, Time INTEGER);
INSERT INTO sorted
  SELECT session, item, second
  FROM (SELECT v.rowid AS n, v.item, v.second,
               sum(prior.user IS NOT v.user OR v.second - prior.second > 3600) OVER (ORDER BY v.rowid) - 1 AS session
        FROM viewed AS v LEFT JOIN viewed AS prior ON prior.rowid = v.rowid - 1)
  ORDER BY n;
DROP TABLE viewed;

-- The end of November 2019, UTC.
CREATE TEMP TABLE split_at AS SELECT 1575158400 AS tsplit, 86400 AS w;
.read sql/prepare_split.sql
