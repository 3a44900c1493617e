-- serve.sql: one click of a live visitor, as the shop's server takes it: step the visitor's state, recommend five items.
-- The states are in a database of their own (main); the shop's is attached as shop, and is only read.
--
-- First the click is noted, in plain SQL. Whatever goes wrong behind that leaves it without an answer: a refused visitor.

INSERT INTO asked(n) SELECT 1 + coalesce(max(n), 0) FROM asked;

INSERT INTO live(visitor, state)
SELECT visitor, gru4rec_step('shop.rec', (SELECT state FROM live WHERE live.visitor = stream.visitor), item)
FROM stream WHERE n = (SELECT max(n) FROM asked) AND visitor <> '' AND item <> ''
ON CONFLICT (visitor) DO UPDATE SET state = excluded.state;

-- Who has no cookie has no history: NULL, and gets what is popular.
INSERT INTO answered(n, at, items, basis, version, item, score)
SELECT (SELECT max(n) FROM asked), julianday('now'), count(*), min(basis),
       (SELECT value FROM shop.rec_config WHERE key = 'version'), max(item) FILTER (WHERE rank = 1), max(score)
FROM gru4rec_recommend('shop.rec',
                       (SELECT state FROM stream JOIN live USING (visitor) WHERE n = (SELECT max(n) FROM asked)), 5);
