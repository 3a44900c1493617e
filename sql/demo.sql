-- demo.sql: the whole path on an invented shop, for `make demo` (sqlite3 demo.db < sql/demo.sql).

.bail on
.print
.print '1. A click log: 26,000 sessions of an outdoor shop (sql/demo_clicks.sql)'
.read sql/demo_clicks.sql
.mode box
SELECT count(*) AS clicks, count(DISTINCT session_id) AS sessions, count(DISTINCT item_id) AS items,
       date(min(ts), 'unixepoch') AS first, date(max(ts), 'unixepoch') AS last
FROM clicks;

.print
.print '2. Train a model inside the database (a quarter of a minute on one core)'
.load ./gru4rec
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, session=session_id, item=item_id, time=ts, n_epochs=5);
.mode list
SELECT json_extract(gru4rec_train('rec'), '$.events_per_second') || ' events/s';
.mode box
SELECT epoch, round(loss, 3) AS loss, steps, round(seconds, 1) AS seconds FROM rec_epoch;

.print
.print '3. How good is it on the two days that followed? (the share of next clicks in the top k)'
SELECT method, k, round(recall, 3) AS recall, round(mrr, 3) AS mrr, round(ndcg, 3) AS ndcg,
       round(coverage, 2) AS coverage
FROM gru4rec_evaluate('rec', 'clicks_test', 'cutoffs=5/20,baselines=pop');

.print
.print '4. What a visitor has looked at, and what comes next'
CREATE TEMP VIEW visitor AS
  SELECT row_number() OVER (ORDER BY ts) AS click, item_id FROM clicks_test
  WHERE session_id = (SELECT session_id FROM clicks_test GROUP BY 1 HAVING count(*) = 5 LIMIT 1);
SELECT click, title, category FROM visitor JOIN products ON id = item_id ORDER BY click;
SELECT rank, title, category, round(score, 2) AS score
FROM gru4rec_recommend('rec', (SELECT json_group_array(item_id) FROM (SELECT * FROM visitor ORDER BY click)), 5)
     JOIN products ON id = item
ORDER BY rank;

.print
.print '5. The same for sessions of the log, in stock only and nothing seen before'
SELECT session, title, price
FROM rec JOIN products ON id = item
WHERE session = 42 AND exclude_seen = 1 AND in_stock
ORDER BY rank LIMIT 5;

.print
.print '6. A report on all of it, for a browser: demo.html'
SELECT gru4rec_report('rec', 'demo.html', json_object('test', 'clicks_test', 'titles', 'SELECT id, title FROM products',
  'label', 'SELECT id, category FROM products')) AS bytes;

.print
.print 'All of it is in demo.db: try  sqlite3 demo.db  and  .load ./gru4rec'
