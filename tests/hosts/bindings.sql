-- bindings.sql - a parameter in each place that takes one, in each type. A statement with a ? is run six times, with
--      1    1.0  1.5  '1'  x'31'  NULL
-- and gives one row of one value, or an error of gru4rec. What they give stands above it, in this order; *: it is left open.

-- numbers: a whole REAL is that integer, as drivers that know one type of numbers only bind it
-- = 1 1 error 1 error 4
SELECT count(*) FROM gru4rec_recommend('rec', '[1, 4]', ?)
-- = 2 2 error 2 error 4
SELECT count(*) FROM gru4rec_recommend('rec', '[1, 4]') WHERE exclude_seen = ?
-- = 1 1 error 1 error 4
SELECT count(*) FROM rec WHERE session = 3 AND exclude_seen = ?
-- = 1 1 error 1 error 3
SELECT count(*) FROM gru4rec_similar('rec', 1, ?)
-- = 24 24 error 24 error error
SELECT count(*) FROM gru4rec_batches('clicks', ?)
-- = 1 1 error 1 error error
SELECT gru4rec_deploy('rec', ?)

-- columns compare as SQLite compares them
-- = 1 1 1 1 4 0
SELECT count(*) FROM gru4rec_recommend('rec', '[1, 4]') WHERE rank <= ?
-- = 1 1 0 0 0 0
SELECT count(*) FROM gru4rec_recommend('rec', '[1, 4]') WHERE item = ?
-- = 4 4 0 0 0 0
SELECT count(*) FROM rec WHERE session = ?
-- = 1 1 1 1 4 0
SELECT count(*) FROM rec WHERE session = 3 AND rank <= ?
-- = 1 1 0 0 0 0
SELECT count(*) FROM rec WHERE session = 3 AND item = ?

-- items, histories and candidates
-- = 3session 3session 3popularity 3session error 3popularity
SELECT count(*) || min(basis) FROM gru4rec_recommend('rec', ?, 3)
-- = 1 1 0 1 error 4
SELECT count(*) FROM gru4rec_recommend('rec', '[1, 4]') WHERE candidates = ?
-- = 1 1 0 1 error 4
SELECT count(*) FROM rec WHERE session = 3 AND candidates = ?
-- = 1 1 0 1 error 0
SELECT gru4rec_score('rec', ?, 2) = gru4rec_score('rec', '[1]', 2)
-- = 1 1 none 1 error none
SELECT coalesce(gru4rec_score('rec', '[4]', ?) = gru4rec_score('rec', '[4]', 1), 'none')
-- = 1 1 error 1 error 0
SELECT gru4rec_score('rec', gru4rec_state('rec', ?), 2) = gru4rec_score('rec', '[1]', 2)
-- = 1 1 error 1 error 0
SELECT gru4rec_score('rec', gru4rec_step('rec', NULL, ?), 2) = gru4rec_score('rec', '[1]', 2)
-- = error error error error error 1
SELECT gru4rec_step('rec', ?, 1) = gru4rec_step('rec', NULL, 1)
-- = 3 3 0 3 error 0
SELECT count(*) FROM gru4rec_similar('rec', ?)
-- = 1 1 0 1 error 0
SELECT count(*) FROM gru4rec_explain('rec', ?, 2)
-- = 2 2 0 2 error 0
SELECT count(contribution) FROM gru4rec_explain('rec', '[1, 4]', ?)
-- = 32 32 none 32 error none
SELECT coalesce(length(gru4rec_embedding('rec', ?)), 'none')

-- names of models that there are not
-- = error error error error error error
SELECT count(*) FROM gru4rec_recommend(?, '[1, 4]', 3)
-- = error error error error error error
SELECT gru4rec_score(?, '[4]', 1)
-- = error error error error error error
SELECT gru4rec_state(?, 1)
-- = error error error error error error
SELECT gru4rec_step(?, NULL, 1)
-- = error error error error error error
SELECT count(*) FROM gru4rec_similar(?, 1)
-- = error error error error error error
SELECT count(*) FROM gru4rec_explain(?, '[1, 4]', 2)
-- = error error error error error error
SELECT gru4rec_embedding(?, 1)
-- = error error error error error error
SELECT count(*) FROM gru4rec_evaluate(?, 'clicks')
-- = error error error error error error
SELECT count(*) FROM gru4rec_compare(?, 'pop', 'clicks')
-- = error error error error error error
SELECT count(*) FROM gru4rec_compare('rec', ?, 'clicks')
-- = error error error error error error
SELECT gru4rec_deploy(?, 1)
-- = error error error error error error
SELECT gru4rec_configure(?, 'seed=1')
-- = error error error error error error
SELECT gru4rec_check(?)
-- = error error error error error error
SELECT gru4rec_info(?)
-- = error error error error error error
SELECT gru4rec_plot(?, 'learning')
-- = error error error error error error
SELECT gru4rec_plot('rec', ?)
-- = error error error error error error
SELECT gru4rec_report(?)
-- = error error error error error error
SELECT gru4rec_export(?)
-- = error error error error error error
SELECT gru4rec_import(?, x'00')
-- = error error error error error error
SELECT gru4rec_train(?, 'n_epochs=1')

-- sources, options, files
-- = error error error error error error
SELECT count(*) FROM gru4rec_evaluate('rec', ?)
-- = error error error error error 8
SELECT count(*) FROM gru4rec_evaluate('rec', 'clicks', ?)
-- = error error error error error error
SELECT count(*) FROM gru4rec_compare('rec', 'pop', ?)
-- = error error error error error 12
SELECT count(*) FROM gru4rec_compare('rec', 'pop', 'clicks', ?)
-- = error error error error error error
SELECT count(*) FROM gru4rec_audit(?)
-- = error error error error error 26
SELECT count(*) FROM gru4rec_audit('rec', ?)
-- = error error error error error error
SELECT gru4rec_tune(?)
-- = error error error error error *
SELECT json_extract(gru4rec_tune('rec', ?), '$.trials')
-- = error error error error error error
SELECT count(*) FROM gru4rec_batches(?, 2)
-- = error error error error error 24
SELECT count(*) FROM gru4rec_batches('clicks', 2, ?)
-- = error error error error error 1
SELECT gru4rec_plot('rec', 'trials', ?) LIKE '<svg%'
-- = error error error error error 1
SELECT gru4rec_report('rec', NULL, ?) LIKE '<!DOCTYPE html>%'
-- = error error error error error clicks
SELECT gru4rec_configure('rec', ?) ->> 'source'
-- = * * * 1 * error
SELECT gru4rec_export('rec', ?) > 0
-- = error error error 1 error error
SELECT gru4rec_import('imported', ?) > 0
-- = error error error error error 2
SELECT json_extract(gru4rec_train('rec', ?), '$.epochs')
-- = error error error error error 2
SELECT json_extract(gru4rec_train('rec', 'clicks', ?), '$.epochs')

-- events that a host wrote: what is no item taken away, 1 and 1.0 are one item, '1' another, beside 5, 6 and 7
CREATE TABLE bound(session, item, ts)
INSERT INTO bound WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 7) SELECT i / 4, CASE i % 4 WHEN 1 THEN ? ELSE i % 3 + 5 END, i FROM n
DELETE FROM bound WHERE typeof(item) IN ('blob', 'null') OR item = 1.5
-- = items 5
SELECT 'items ' || json_extract(gru4rec_train('from_host', 'bound', 'layers=4,n_epochs=1,n_sample=4'), '$.items')
