-- story.sql: what happened in a month, told by what the database keeps. In the directory that month.sh made:
--
--   sqlite3 -cmd '.load ../gru4rec' -cmd "ATTACH 'live.db' AS live" shop.db < story.sql
--
-- rec_version and rec_epoch are the model's history, a row for each training and for each of its epochs; night is the
-- shop's diary; live has the server's visitors.

.mode box

.print
.print '1. The month: how the nights ended'
SELECT decision, count(*) AS nights, group_concat(day, ' ') AS which
FROM (SELECT * FROM night ORDER BY day) GROUP BY decision ORDER BY nights DESC;

.print
.print '2. Every training: what it learned from, and how long that took'
SELECT v.version, night.day, v.status, v.options ->> 'warm_start' AS warm,
       datetime(v.options ->> 'since', 'unixepoch') AS since, datetime(v.options ->> 'until', 'unixepoch') AS until,
       v.summary ->> 'events' AS events, v.summary ->> 'items' AS items, e.epochs, round(e.loss, 3) AS loss,
       round(e.seconds, 2) AS seconds
FROM rec_version AS v LEFT JOIN night ON night.candidate = v.version
     LEFT JOIN (SELECT version, max(epoch) AS epochs, loss, sum(seconds) AS seconds      -- loss: of the last epoch
                FROM rec_epoch GROUP BY version) AS e USING (version)
ORDER BY v.version;

.print
.print '3. What went wrong, in the words of the model and of the diary'
.mode list
SELECT 'version ' || version || ', ' || status || coalesce(': ' || nullif(message, ''), '') FROM rec_version
WHERE status <> 'ready' ORDER BY version;
SELECT 'night ' || day || ', ' || decision || ': ' || replace(note, char(10), char(10) || '    ') FROM night
WHERE note <> '' ORDER BY day;

.print
.print '4. The gate: MRR@20 of the evenings, of the version before, of every candidate, and of the one that came to serve'
.mode box
SELECT count(*) AS exams, sum(candidate_targets) AS targets,
       round(avg(active_mrr), 4) AS "the version before",
       round(avg(candidate_mrr), 4) AS "every candidate",
       round(avg(CASE decision WHEN 'deployed' THEN candidate_mrr ELSE active_mrr END), 4) AS "as it was",
       sum(decision = 'kept') AS rejected
FROM night WHERE candidate_mrr IS NOT NULL;
SELECT day, decision, candidate, round(candidate_mrr, 4) AS candidate_mrr, candidate_targets,
       active, round(active_mrr, 4) AS active_mrr, active_targets
FROM night WHERE decision IN ('kept', 'rolled back') ORDER BY day;

.print
.print '5. Nothing is lost: a version begins where the one that it goes on from ended'
WITH deployed AS (
  SELECT day, candidate AS version, active AS goes_on_from, until FROM night WHERE decision IN ('first', 'deployed'))
SELECT count(*) AS deployed, sum(v.options ->> 'since' IS before.until) AS "begin where that ended",
       sum(v.options ->> 'since' = '') AS "begin with all", max(deployed.until - before.until) / 86400 AS "days at most"
FROM deployed JOIN rec_version AS v USING (version) LEFT JOIN deployed AS before ON before.version = deployed.goes_on_from;

.print
.print '6. What the log is like'
-- by position, as the item's column was renamed on the way
WITH log(n, visitor, item, ts, day) AS (SELECT * FROM clicks)
SELECT count(*) AS clicks, count(DISTINCT visitor) AS visitors, count(DISTINCT day) AS days,
       sum(visitor IS NULL) AS "no cookie", sum(visitor = '') AS "empty cookie", sum(item = '') AS "no item",
       sum(visitor LIKE 'bot-%') AS "of robots", sum(typeof(ts) = 'text' AND unixepoch(ts) IS NULL) AS "no time"
FROM log;

.print
.print '7. The visitors that were served meanwhile, by version'
SELECT count(*) AS asked, sum(items IS 5) AS answered, sum(items IS NOT 5) AS refused,
       sum(basis = 'popularity') AS "by popularity", count(DISTINCT version) AS versions
FROM live.asked LEFT JOIN live.answered USING (n);
SELECT version, min(n) || ' - ' || max(n) AS clicks, sum(basis = 'session') AS by_session,
       sum(basis = 'popularity') AS by_popularity
FROM live.answered GROUP BY version ORDER BY min(n);
