-- figures_globo.sql: the log "globo" of the figures in docs/: clicks on news of October 2017.
--
-- Raw data: clicks.zip of "News Portal User Interactions by Globo.com"
-- (https://www.kaggle.com/datasets/gspmoreira/news-portal-user-interactions-by-globocom; not for commercial purposes),
-- unpacked in the current directory: clicks/clicks_hour_000.csv and so on; user_id,session_id,session_start,
-- session_size,click_article_id,click_timestamp, and six more columns. Into a new database:
--
--   sqlite3 globo.db < sql/figures_globo.sql
--
-- Leaves clicks: columns SessionId, ItemId, Time (seconds, with milliseconds), rows by session and time. Sessions are
-- numbered by their beginnings. It does all or nothing.

.bail on
PRAGMA temp.cache_size = -500000;
BEGIN;
CREATE TABLE clicks(SessionId INTEGER, ItemId INTEGER, Time REAL);

CREATE TEMP TABLE line(user_id, session_id INTEGER, session_start, session_size, item INTEGER, ms INTEGER, environment,
                       device, os, country, region, referrer);
.import --csv "|tail -q -n +2 clicks/clicks_hour_*.csv" line

CREATE TEMP TABLE visit(session_id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO visit SELECT session_id, row_number() OVER (ORDER BY min(ms), session_id) FROM line GROUP BY session_id;
INSERT INTO clicks SELECT n, item, ms / 1000.0 FROM line JOIN visit USING (session_id) ORDER BY n, ms, line.rowid;
DROP TABLE line;
DROP TABLE visit;
COMMIT;
