-- A small training, and its weights.
CREATE TABLE e(session_id, item_id, ts);
WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 2999)
INSERT INTO e SELECT i / 5, i * i % 97, i FROM c;
SELECT json_extract(gru4rec_train('m', 'e', 'n_epochs=2, layers=16, batch_size=16, n_sample=64'), '$.loss');
SELECT name, chunk, hex(data) FROM m_tensor ORDER BY name, chunk;
