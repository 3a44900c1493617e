-- figures_diginetica.sql: the log "diginetica" of the figures in docs/: product views in the form that many papers on
-- sessions use since SR-GNN (AAAI 2019). It is not the one of prepare_diginetica.sql.
--
-- Raw data: train-item-views.csv of "CIKM Cup 2016 Track 2: Personalized E-Commerce Search Challenge"
-- (https://competitions.codalab.org/competitions/11161; its terms allow research), in the current directory;
-- sessionId;userId;itemId;timeframe;eventdate. Into a new database:
--
--   sqlite3 diginetica.db < sql/figures_diginetica.sql
--
-- Leaves train and test: columns SessionId, ItemId, Time. Sessions are numbered by day, then by their place in the
-- file; items by their first event; Time counts the events. It does all or nothing.

.bail on
PRAGMA temp.cache_size = -500000;
BEGIN;
CREATE TABLE train(SessionId INTEGER, ItemId INTEGER, Time REAL);
CREATE TABLE test(SessionId INTEGER, ItemId INTEGER, Time REAL);

CREATE TEMP TABLE line(session INTEGER, user TEXT, item INTEGER, timeframe INTEGER, eventdate TEXT);
.separator ";" "\n"
.import --skip 1 train-item-views.csv line

-- A session's day is that of its last row in the file.
CREATE TEMP TABLE visit(session INTEGER PRIMARY KEY, place INTEGER, day TEXT, is_test INTEGER);
INSERT INTO visit SELECT session, min(rowid), NULL, NULL FROM line GROUP BY session HAVING count(*) > 1;
CREATE TEMP TABLE day AS SELECT session, eventdate FROM line WHERE rowid IN (SELECT max(rowid) FROM line GROUP BY session);
CREATE UNIQUE INDEX temp.day_session ON day(session);
UPDATE visit SET day = (SELECT eventdate FROM day WHERE day.session = visit.session);

-- The test has the last seven days. The day before them is in neither.
CREATE TEMP TABLE split AS SELECT date(max(day), '-7 days') AS day FROM visit;
UPDATE visit SET is_test = CASE WHEN day < (SELECT day FROM split) THEN 0 WHEN day > (SELECT day FROM split) THEN 1 END;

-- Sessions of two events, items of five, sessions of two: once; also with the events of that day.
CREATE TEMP TABLE event(session INTEGER, item INTEGER, timeframe INTEGER, place INTEGER);
INSERT INTO event SELECT session, item, timeframe, line.rowid FROM line WHERE session IN (SELECT session FROM visit);
DROP TABLE line;
DELETE FROM event WHERE item IN (SELECT item FROM event GROUP BY item HAVING count(*) < 5);
DELETE FROM visit WHERE is_test IS NULL OR session NOT IN (SELECT session FROM event GROUP BY session HAVING count(*) > 1);
DELETE FROM event WHERE session NOT IN (SELECT session FROM visit);

-- The test has the items that the training knows, which are numbered by their first events there.
CREATE TEMP TABLE ordered(n INTEGER PRIMARY KEY, session INTEGER, item INTEGER, is_test INTEGER);
INSERT INTO ordered(session, item, is_test)
  SELECT session, item, is_test FROM event JOIN visit USING (session)
  ORDER BY is_test, day, visit.place, timeframe, event.place;
DROP TABLE event;
CREATE TEMP TABLE known(item INTEGER PRIMARY KEY, number INTEGER);
INSERT INTO known SELECT item, row_number() OVER (ORDER BY min(n)) FROM ordered WHERE NOT is_test GROUP BY item;
DELETE FROM ordered WHERE item NOT IN (SELECT item FROM known);
DELETE FROM ordered WHERE session NOT IN (SELECT session FROM ordered GROUP BY session HAVING count(*) > 1);

CREATE TEMP TABLE numbered(session INTEGER PRIMARY KEY, number INTEGER);
INSERT INTO numbered SELECT session, row_number() OVER (ORDER BY min(n)) FROM ordered GROUP BY session;
CREATE TEMP TABLE counted(SessionId INTEGER, ItemId INTEGER, Time INTEGER, is_test INTEGER);
INSERT INTO counted
  SELECT numbered.number, known.number, row_number() OVER (ORDER BY n), is_test
  FROM ordered JOIN known USING (item) JOIN numbered USING (session) ORDER BY n;
INSERT INTO train SELECT SessionId, ItemId, Time FROM counted WHERE NOT is_test ORDER BY rowid;
INSERT INTO test SELECT SessionId, ItemId, Time FROM counted WHERE is_test ORDER BY rowid;
DROP TABLE ordered;
DROP TABLE known;
DROP TABLE numbered;
DROP TABLE counted;
DROP TABLE visit;
DROP TABLE day;
DROP TABLE split;
COMMIT;
