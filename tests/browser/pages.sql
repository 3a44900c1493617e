-- pages.sql: what run.sh looks at, in a copy of tests/fixtures/pictures.db: pictures go to the folder :svg, reports to :pages.
-- Beside the shop there are a model with odd ids, titles and names, and one that was imported.

.load ./gru4rec
SELECT gru4rec_tune('shop', '{"trials":6,"n_epochs":2,"seed":1,"space":{"learning_rate":[0.05,0.1,0.2],"batch_size":[32,64]}}') IS NOT NULL;
WITH picture(what, options) AS (VALUES ('learning', '{}'), ('methods', '{"test":"clicks_test"}'), ('positions', '{"test":"clicks_test"}'),
  ('cutoffs', '{"test":"clicks_test","cutoffs":[1,2,5,10,20,50]}'), ('lengths', '{}'), ('popularity', '{}'), ('days', '{"test":"clicks_test"}'),
  ('items', '{"label":"SELECT id, category FROM products","titles":"SELECT id, title FROM products"}'), ('trials', '{}'))
SELECT writefile(:svg || what || '.svg', gru4rec_plot('shop', what, options)) FROM picture;

CREATE TABLE "a table, with a long name & <tags>" AS
  SELECT 'visitor ' || session_id || ' <b>of</b> the shop' AS session_id,
         CASE item_id % 5 WHEN 0 THEN printf('sku-%.*c-%d', 60, 'x', item_id) WHEN 1 THEN '<i>' || item_id || '</i>'
           WHEN 2 THEN char(0x5de, 0x5d5, 0x5e6, 0x5e8) || ' ' || item_id ELSE 'item "' || item_id || '"' END AS item_id,
         datetime(ts, 'unixepoch') AS ts
  FROM clicks WHERE session_id % 3 = 1;
CREATE TABLE odd_titles AS
  SELECT DISTINCT item_id AS id,
         CASE length(item_id) % 4 WHEN 0 THEN printf('A title without an end: %.*c', 300, 'w') WHEN 1 THEN '<script>alert(1)</script> & "more"'
           WHEN 2 THEN char(0x5e9, 0x5dc, 0x5d5, 0x5dd, 0x20, 0x5e2, 0x5d5, 0x5dc, 0x5dd) || ' 42'
           ELSE char(0x1f600, 0x1f6d2) || ' a smile, and a cart' END AS title,
         'group <' || length(item_id) % 9 || '>' AS label
  FROM "a table, with a long name & <tags>";
CREATE VIRTUAL TABLE "an odd model with quite a long name" USING gru4rec(
  (SELECT session_id, item_id, ts FROM "a table, with a long name & <tags>" WHERE session_id IS NOT NULL),
  layers=8, n_epochs=30, n_sample=16, validation=0.1);
SELECT gru4rec_train('an odd model with quite a long name') IS NOT NULL;
SELECT gru4rec_import('imported', gru4rec_export('shop'));

SELECT gru4rec_report('shop', :pages || 'report-shop.html',
  '{"test":"clicks_test","titles":"SELECT id, title FROM products","label":"SELECT id, category FROM products"}');
SELECT gru4rec_report('imported', :pages || 'report-imported.html', '');
SELECT gru4rec_report('an odd model with quite a long name', :pages || 'report-odd.html',
  '{"test":"SELECT * FROM \"a table, with a long name & <tags>\" WHERE ts > ''2024-04-20''","titles":"SELECT id, title FROM odd_titles","label":"SELECT id, label FROM odd_titles"}');
