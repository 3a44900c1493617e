-- What each package is asked, in a database with the demo's clicks, beside model.safetensors, which the system build made. A
-- statement a line; what they print is compared with what the system build prints (compare.py).
SELECT 'imported ' || (gru4rec_import('given', 'model.safetensors') > 0)
WITH h AS MATERIALIZED (SELECT session_id AS s, json_group_array(item_id) AS history FROM (SELECT * FROM clicks_test ORDER BY session_id, ts, rowid) GROUP BY session_id HAVING count(*) >= 3 ORDER BY session_id LIMIT 20) SELECT 'rank ' || s || ' ' || rank || ' ' || item || ' ' || printf('%.9g', score) FROM h JOIN gru4rec_recommend('given', h.history) AS r WHERE r.rank <= 100
SELECT 'given ' || printf('%.9g', recall) FROM gru4rec_evaluate('given', 'clicks_test', 'cutoffs=20') WHERE method = 'gru4rec'
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, session=session_id, item=item_id, time=ts, n_epochs=2)
SELECT 'events ' || (gru4rec_train('rec') ->> 'events')
SELECT 'loss ' || printf('%.9g', loss) FROM rec_epoch WHERE epoch = 1
SELECT 'recall ' || printf('%.9g', recall) FROM gru4rec_evaluate('rec', 'clicks_test', 'cutoffs=20') WHERE method = 'gru4rec'
SELECT 'check ' || gru4rec_check('rec')
