CREATE TABLE clicks(session, item, ts)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29) INSERT INTO clicks SELECT i / 5, i * i % 7, i FROM n
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=8, n_sample=8, n_epochs=2)
SELECT 'epochs ' || json_extract(gru4rec_train('rec'), '$.epochs')
SELECT rank || ' ' || item || ' ' || printf('%.6f', score) FROM gru4rec_recommend('rec', '[1, 4]', 3)
SELECT session || ' ' || item || ' ' || printf('%.6f', score) FROM rec WHERE session IN (1, 3) AND rank <= 2
SELECT name FROM pragma_table_info('rec') LIMIT 2
