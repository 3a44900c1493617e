-- examples.sql: makes a small model, and writes the examples that gru4rec_help() has for options into
-- examples_of_options.sql, to be run on it.
.bail on
.load ./gru4rec
CREATE TABLE clicks(session_id, item_id, ts);
WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 199)
INSERT INTO clicks SELECT i / 5, i * i % 7, i FROM c;
CREATE TABLE clicks_test AS SELECT session_id + 1000 AS session_id, item_id, ts + 1000 AS ts FROM clicks LIMIT 50;
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=4, n_epochs=1, n_sample=4, validation=0.2, threads=1);
SELECT gru4rec_train('rec') IS NOT NULL;
.once examples_of_options.sql
SELECT example || ';' FROM gru4rec_help WHERE kind = 'option';
