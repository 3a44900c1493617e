-- story.sql: what happened in a month, told by what the database keeps. In the directory that month.sh made:
--
--   sqlite3 -cmd '.load ../gru4rec' -cmd "ATTACH 'live.db' AS live" shop.db < story.sql
--
-- rec_version and rec_epoch are the model's history, a row for each training and for each of its epochs, also where the
-- weights are forgotten; night and told are the shop's diary; live has the server's visitors. It fits a terminal of 80.

.mode box --wrap 46 --wordwrap on

.print '1. How the nights ended'
SELECT decision, count(*) AS nights, group_concat(day, ' ') AS which
FROM (SELECT * FROM night ORDER BY day) GROUP BY decision ORDER BY nights DESC, min(day);

.print
.print '2. Every training: how it ended, which version it went on from, and which clicks'
.print '   were new to it, by day and time of March'
SELECT v.version AS v, v.status, v.summary ->> '$.since.version' AS "after",
       strftime('%d %H:%M', gru4rec_time(coalesce(v.summary ->> '$.since.last_event', v.first_event)), 'unixepoch') AS "from",
       strftime('%d %H:%M', gru4rec_time(v.last_event), 'unixepoch') AS "to",
       v.summary ->> 'events' AS events, v.summary ->> 'items' AS items, max(e.epoch) AS epochs,
       round(e.loss, 2) AS loss                       -- of the last epoch
FROM rec_version AS v LEFT JOIN rec_epoch AS e USING (version)
GROUP BY v.version;

.print
.print '3. What went wrong, in the words of the model, and in those of the diary'
SELECT "of", what, why FROM (
  SELECT 1 AS place, version AS number, 'version ' || version AS "of", status AS what, message AS why
  FROM gru4rec_status('rec') WHERE status NOT IN ('ready', 'retired')
  UNION ALL
  SELECT 2, day, 'night ' || day, decision, note FROM night WHERE note <> '')
ORDER BY place, number;

.print
.print '4. The gate: MRR@20 of the evenings'
SELECT count(*) AS exams, sum(candidate_targets) AS targets, round(avg(active_mrr), 4) AS "the version before",
       round(avg(candidate_mrr), 4) AS "every candidate",
       round(avg(iif(serves = candidate, candidate_mrr, active_mrr)), 4) AS "as it was"
FROM night WHERE candidate_mrr IS NOT NULL;
SELECT day, decision, candidate, round(candidate_mrr, 4) AS mrr, candidate_targets AS targets,
       active, round(active_mrr, 4) AS mrr, active_targets AS targets
FROM night WHERE serves <> candidate ORDER BY day;

.print
.print '5. Nothing is lost: back from the version that serves to the first, each begins'
.print '   behind the last click of the one that it went on from'
WITH RECURSIVE chain AS (
  SELECT v.*, 1 AS place FROM rec_version AS v WHERE v.version = (SELECT value FROM rec_config WHERE key = 'version')
  UNION ALL
  SELECT v.*, place + 1 FROM rec_version AS v JOIN chain ON v.version = chain.summary ->> '$.since.version')
SELECT count(*) AS versions, min(c.version) AS first, max(c.version) AS last,
       sum(c.summary ->> '$.since.last_event' = b.last_event AND c.summary ->> '$.since.last_rowid' = b.last_rowid) AS joints,
       datetime(min(gru4rec_time(c.first_event)), 'unixepoch') AS "from",
       datetime(max(gru4rec_time(c.last_event)), 'unixepoch') AS "to"
FROM chain AS c LEFT JOIN chain AS b ON b.place = c.place + 1;

.print
.print '6. What gru4rec_status() said of the newest training, on nights that went wrong'
SELECT day, moment, version AS v, status, epoch, printf('%.3f', progress) AS done,
       (SELECT version FROM told AS a WHERE a.at = t.at AND active) AS serves,
       substr(replace(message, 'gru4rec: ', ''), 1, 15) AS message
FROM told AS t
WHERE day IN (8, 12, 16, 19, 22) AND version = (SELECT max(version) FROM told AS n WHERE n.at = t.at)
ORDER BY at;

.print
.print '7. What the log is like'
-- by position, as the item's column was renamed on the way
WITH log(n, visitor, item, ts, day) AS (SELECT * FROM clicks)
SELECT count(*) AS clicks, count(DISTINCT visitor) AS visitors, sum(visitor IS NULL) AS "no cookie",
       sum(visitor = '') AS empty, sum(item = '') AS "no item", sum(visitor LIKE 'bot-%') AS robots,
       sum(typeof(ts) = 'text' AND unixepoch(ts) IS NULL) AS "no time",
       (SELECT sum(early) FROM night) AS early
FROM log;

.print
.print '8. The visitors that were served meanwhile, by what became of the version'
WITH fate(version, became) AS (
  SELECT candidate, decision FROM night WHERE candidate IS NOT NULL
  UNION ALL SELECT version, status FROM rec_version WHERE status NOT IN ('ready', 'retired'))
SELECT became AS version, count(DISTINCT fate.version) AS versions, count(a.n) AS answers,
       sum(a.items IS 5) AS "with five items", count(a.n) FILTER (WHERE basis = 'popularity') AS "by popularity"
FROM fate LEFT JOIN live.answered AS a ON a.version = fate.version
GROUP BY became ORDER BY answers DESC, became;
SELECT count(*) AS asked, count(a.n) AS answered, sum(a.items IS NOT 5) AS refused
FROM live.asked LEFT JOIN live.answered AS a USING (n);
