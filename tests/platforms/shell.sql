-- What a shell with the extension says: the last line is 'it recommends'.
CREATE TABLE clicks AS
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
  SELECT i / 5 AS session_id, (i / 5 * 3 + i % 5) % 12 AS item_id, i AS ts FROM n;
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, session=session_id, item=item_id, time=ts, n_epochs=5, threads=2);
SELECT gru4rec_train('rec');
SELECT gru4rec_info();
SELECT iif(count(*) = 3 AND min(score > 0 OR score <= 0), 'it recommends', 'it does not recommend')
  FROM gru4rec_recommend('rec', '[3, 4]', 3);
