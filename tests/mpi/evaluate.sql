-- A model, and later sessions to measure it on.
CREATE TABLE clicks(session_id, item_id, ts);
WITH RECURSIVE s(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM s WHERE id < 400),
     e(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM e WHERE place < 6)
INSERT INTO clicks
SELECT id, (id * 7 + place * place * 3 + id / 5) % 61, id * 100 + place
FROM s JOIN e ON place <= (id * 5 + id / 3) % 7;
CREATE VIEW earlier AS SELECT * FROM clicks WHERE session_id <= 250;
CREATE VIEW later AS SELECT * FROM clicks WHERE session_id > 250;
CREATE VIRTUAL TABLE rec USING gru4rec(earlier, layers=16, batch_size=8, n_sample=32, n_epochs=2, threads=1);
SELECT gru4rec_train('rec') IS NULL;
