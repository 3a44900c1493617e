-- prepare_coveo.sql: the Coveo data set of Hidasi and Czapp (RecSys 2023), prepared as there.
--
-- Raw data: browsing_train.csv of the "SIGIR eCom 2021 Coveo Data Challenge" (its page at GitHub), in the current
-- directory; session_id_hash,event_type,product_action,product_sku_hash,server_timestamp_epoch_ms,hashed_url. Into a
-- new database, from the project's root:
--
--   sqlite3 coveo.db < sql/prepare_coveo.sql
--
-- It does all or nothing. Scratch files, up to three times as large as the raw ones, go where SQLITE_TMPDIR says.
--
-- Leaves train_full and test, and train_tr and train_valid, which are train_full split once more to tune options on:
-- columns SessionId, ItemId, Time (milliseconds), rows by session and time, indexed by the two. Then:
--
--   .load ./gru4rec
--   SELECT gru4rec_train('rec', 'train_full', 'preset=coveo');
--   SELECT * FROM gru4rec_evaluate('rec', 'test', 'cutoffs=20');

.bail on
PRAGMA cache_size = -500000;         -- half a gigabyte to sort in,
PRAGMA temp.cache_size = -500000;    -- and as much for scratch tables
BEGIN;
-- First of all, so that a name that is taken stops it before the work and not after it.
CREATE TABLE train_full(SessionId INTEGER, ItemId TEXT, Time INTEGER);
CREATE TABLE test(SessionId INTEGER, ItemId TEXT, Time INTEGER);
CREATE TABLE train_tr(SessionId INTEGER, ItemId TEXT, Time INTEGER);
CREATE TABLE train_valid(SessionId INTEGER, ItemId TEXT, Time INTEGER);

-- Lines are converted as they come, and RAISE(IGNORE) stores none: the file is large, and a good part of it is URLs.
CREATE TEMP TABLE action(visit TEXT, item TEXT, ms INTEGER, is_detail INTEGER);
CREATE TEMP TABLE line(session_id_hash TEXT, event_type TEXT, product_action TEXT, product_sku_hash TEXT,
                       server_timestamp_epoch_ms INTEGER, hashed_url TEXT);
CREATE TEMP TRIGGER line_to_action BEFORE INSERT ON line
BEGIN
  INSERT INTO action VALUES (new.session_id_hash, nullif(new.product_sku_hash, ''), new.server_timestamp_epoch_ms,
                             new.product_action = 'detail');
  SELECT RAISE(IGNORE);
END;
.import --csv --skip 1 browsing_train.csv line
DROP TABLE line;

-- Hashes have no order of their own: they are ranked by the row that has them first. Page views have no product.
CREATE TEMP TABLE visit(hash TEXT PRIMARY KEY, first INTEGER) WITHOUT ROWID;
INSERT INTO visit SELECT visit, min(rowid) FROM action GROUP BY visit;
CREATE TEMP TABLE item(hash TEXT PRIMARY KEY, first INTEGER) WITHOUT ROWID;
INSERT INTO item SELECT item, min(rowid) FROM action WHERE item IS NOT NULL GROUP BY item;
CREATE TEMP TABLE ordered(visit INTEGER, item TEXT, ms INTEGER, is_detail INTEGER);
INSERT INTO ordered
  SELECT visit.first, action.item, ms, is_detail
  FROM action JOIN visit ON visit.hash = action.visit LEFT JOIN item ON item.hash = action.item
  ORDER BY visit.first, ms, item.first;
DROP TABLE action;
DROP TABLE visit;
DROP TABLE item;

-- A session of the raw data is cut where nothing of any kind happened for more than an hour; then only the views of
-- products are kept. The row before is found by its rowid, as in prepare_split.sql.
CREATE TEMP TABLE sorted(SessionId INTEGER, ItemId TEXT, Time INTEGER);
INSERT INTO sorted
  SELECT session, item, ms
  FROM (SELECT o.rowid AS n, o.item, o.ms, o.is_detail,
               sum(prior.visit IS NOT o.visit OR o.ms - prior.ms > 3600000) OVER (ORDER BY o.rowid) - 1 AS session
        FROM ordered AS o LEFT JOIN ordered AS prior ON prior.rowid = o.rowid - 1)
  WHERE is_detail ORDER BY n;
DROP TABLE ordered;

CREATE TEMP TABLE split_at AS SELECT NULL AS tsplit, 86400000 AS w;
.read sql/prepare_split.sql
