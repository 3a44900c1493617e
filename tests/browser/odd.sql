-- odd.sql: a model with odd ids, titles and names, and one that was imported; for run.sh.

.load ./gru4rec
CREATE TABLE "a table, with a long name & <tags>" AS
  SELECT 'visitor ' || session_id || ' <b>of</b> the shop' AS session_id,
         CASE item_id % 5 WHEN 0 THEN printf('sku-%.*c-%d', 60, 'x', item_id) WHEN 1 THEN '<i>' || item_id || '</i>'
           WHEN 2 THEN char(0x5de, 0x5d5, 0x5e6, 0x5e8) || ' ' || item_id ELSE 'item "' || item_id || '"' END AS item_id,
         datetime(ts, 'unixepoch') AS ts
  FROM clicks WHERE session_id % 20 = 3;
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
