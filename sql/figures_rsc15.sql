-- figures_rsc15.sql: the log "rsc15" of the figures in docs/: the first 100,000 clicks of RSC15, a week of April 2014.
--
-- Raw data: yoochoose-clicks.dat of the "RecSys Challenge 2015" (https://recsys.acm.org/recsys15/challenge/; licence
-- CC BY-NC-ND 4.0), in the current directory; session,time,item,category without a header. Into a new database:
--
--   sqlite3 rsc15.db < sql/figures_rsc15.sql
--
-- Leaves train and test: columns SessionId, ItemId, Time (seconds), rows by session and time. The rules are those of
-- prepare_rsc15.sql. Sessions are numbered by their beginnings, the training's first. It does all or nothing.

.bail on
BEGIN;
CREATE TABLE train(SessionId INTEGER, ItemId INTEGER, Time REAL);
CREATE TABLE test(SessionId INTEGER, ItemId INTEGER, Time REAL);

CREATE TEMP TABLE line(session INTEGER, time TEXT, item INTEGER, category TEXT);
.import --csv "|head -n 100000 yoochoose-clicks.dat" line
-- Two hours less than it says: the published code took the times for those of its machine, in Central Europe.
CREATE TEMP TABLE click(SessionId INTEGER, ItemId INTEGER, Time REAL);
INSERT INTO click
  SELECT session, item, CAST((unixepoch(substr(time, 1, 19)) - 7200) || substr(time, 20, 4) AS REAL)
  FROM line ORDER BY rowid;
DROP TABLE line;

-- Sessions of two events, items of five, sessions of two: once.
DELETE FROM click WHERE SessionId IN (SELECT SessionId FROM click GROUP BY SessionId HAVING count(*) < 2);
DELETE FROM click WHERE ItemId IN (SELECT ItemId FROM click GROUP BY ItemId HAVING count(*) < 5);
DELETE FROM click WHERE SessionId IN (SELECT SessionId FROM click GROUP BY SessionId HAVING count(*) < 2);

-- Sessions that end in the last day are for the test, with the items that the training knows.
CREATE TEMP TABLE visit(SessionId INTEGER PRIMARY KEY, begins REAL, ends REAL, is_test INTEGER);
INSERT INTO visit SELECT SessionId, min(Time), max(Time), NULL FROM click GROUP BY SessionId;
UPDATE visit SET is_test = ends >= (SELECT max(ends) FROM visit) - 86400;
DELETE FROM click
WHERE SessionId IN (SELECT SessionId FROM visit WHERE is_test)
  AND ItemId NOT IN (SELECT ItemId FROM click WHERE SessionId IN (SELECT SessionId FROM visit WHERE NOT is_test));
DELETE FROM visit WHERE SessionId NOT IN (SELECT SessionId FROM click GROUP BY SessionId HAVING count(*) > 1);

CREATE TEMP TABLE numbered(SessionId INTEGER PRIMARY KEY, n INTEGER, is_test INTEGER);
INSERT INTO numbered SELECT SessionId, row_number() OVER (ORDER BY is_test, begins, SessionId), is_test FROM visit;
INSERT INTO train
  SELECT n, ItemId, Time FROM click JOIN numbered USING (SessionId) WHERE NOT is_test ORDER BY n, Time, click.rowid;
INSERT INTO test
  SELECT n, ItemId, Time FROM click JOIN numbered USING (SessionId) WHERE is_test ORDER BY n, Time, click.rowid;
DROP TABLE click;
DROP TABLE visit;
DROP TABLE numbered;
COMMIT;
