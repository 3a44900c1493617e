-- demo_clicks.sql: the click log of an invented outdoor shop, in plain SQL (SQLite 3.38 or newer, no extension).
--
--   sqlite3 shop.db < sql/demo_clicks.sql        -- a second; these three tables are replaced where they exist:
--
--   products(id, title, category, price, in_stock)   800 products in 40 categories
--   clicks(session_id, item_id, ts)                  four weeks of sessions, rows in the order of the clock
--   clicks_test(session_id, item_id, ts)             the sessions that start in the two days after that
--
-- How a session goes.  A visitor lands on a product, popular ones more often, and clicks on from there:
--   62 %   to a usual successor of the product; which these are depends also on the product visited before it
--   12 %   to any product of the same category, by popularity
--   17 %   to the category that goes with it, from shoes to socks; 5 of these stay there, 12 are only a look
--    9 %   to any product at all, by mistake; after a mistake or a look, the visitor goes on from the product before it
-- So bestsellers say little about the next click, the last product says more, and the whole session most.
--
-- Every run on every machine gives the same rows.  Chance is one idiom, r * 48271 % 2147483647 (the generator of Park
-- and Miller), with other multipliers for other dice; products stay below 2^48, so that nothing overflows into REAL.

BEGIN;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS clicks;
DROP TABLE IF EXISTS clicks_test;
CREATE TABLE products(id INTEGER PRIMARY KEY, title TEXT, category TEXT, price REAL, in_stock INTEGER);
CREATE TABLE clicks(session_id INTEGER, item_id INTEGER, ts INTEGER);
CREATE TABLE clicks_test(session_id INTEGER, item_id INTEGER, ts INTEGER);

-- 1. Random numbers: rows 1..28000 are for the sessions, from 28001 for the successors, from 45001 for the products.
CREATE TEMP TABLE demo_random(i INTEGER PRIMARY KEY, r INTEGER);
INSERT INTO demo_random
  WITH RECURSIVE lcg(i, r) AS (SELECT 1, 20240401 UNION ALL SELECT i + 1, r * 48271 % 2147483647 FROM lcg LIMIT 48000)
  SELECT i, r FROM lcg;

-- 2. The catalogue.  A category has a size, a typical price and a category that goes with it.
CREATE TEMP TABLE demo_category(c INTEGER PRIMARY KEY, name TEXT, goes_with TEXT, size INTEGER, price INTEGER);
INSERT INTO demo_category(name, goes_with, size, price) VALUES
  ('running shoes', 'running socks', 59, 95),    ('running socks', 'insoles', 12, 12),
  ('insoles', 'hiking boots', 8, 19),            ('hiking boots', 'hiking socks', 54, 140),
  ('hiking socks', 'trekking poles', 14, 16),    ('trekking poles', 'daypacks', 12, 60),
  ('daypacks', 'water bottles', 32, 70),         ('water bottles', 'lunch boxes', 22, 18),
  ('lunch boxes', 'picnic blankets', 8, 22),     ('picnic blankets', 'cool boxes', 7, 35),
  ('cool boxes', 'camping chairs', 7, 65),       ('camping chairs', 'camping tables', 14, 45),
  ('camping tables', 'lanterns', 8, 70),         ('lanterns', 'power banks', 9, 30),
  ('head torches', 'power banks', 16, 40),       ('power banks', 'travel adapters', 9, 35),
  ('travel adapters', 'travel pillows', 6, 20),  ('travel pillows', 'suitcases', 6, 20),
  ('suitcases', 'travel adapters', 22, 120),     ('tents', 'sleeping bags', 42, 230),
  ('sleeping bags', 'sleeping mats', 30, 120),   ('sleeping mats', 'travel pillows', 20, 60),
  ('camping stoves', 'cooking pots', 11, 55),    ('cooking pots', 'cutlery sets', 14, 40),
  ('cutlery sets', 'enamel mugs', 6, 15),        ('enamel mugs', 'camping stoves', 9, 12),
  ('rain jackets', 'rain trousers', 61, 130),    ('rain trousers', 'gaiters', 18, 75),
  ('gaiters', 'hiking boots', 6, 30),            ('fleece jackets', 'base layers', 34, 80),
  ('base layers', 'gloves', 22, 45),             ('gloves', 'beanies', 18, 28),
  ('beanies', 'down jackets', 14, 20),           ('down jackets', 'gloves', 28, 190),
  ('shorts', 'T-shirts', 24, 40),                ('T-shirts', 'sun hats', 58, 28),
  ('sun hats', 'sunglasses', 9, 24),             ('sunglasses', 'shorts', 21, 50),
  ('bike helmets', 'bike lights', 20, 65),       ('bike lights', 'head torches', 10, 35);

-- The first word of a title tells the style: 0 for the mountain, 1 for the city, 2 for the old school.
CREATE TEMP TABLE demo_word(w INTEGER PRIMARY KEY, word TEXT);                -- style = w % 3
INSERT INTO demo_word VALUES (0, 'Alpine'), (3, 'Trail'), (6, 'Storm'), (9, 'Rugged'), (1, 'Urban'), (4, 'Slim'),
  (7, 'Modern'), (10, 'Plain'), (2, 'Classic'), (5, 'Heritage'), (8, 'Country'), (11, 'Vintage');

-- This script numbers the products n = 0..799.  Their ranks by popularity are dealt out at random.
CREATE TEMP TABLE demo_item AS
  SELECT n, c, n % 3 AS style, row_number() OVER (ORDER BY r) AS rank,
         100000 + n * 371 % 800 * 1120 + r / 97 % 1120 AS id, word || ' ' || name || ' ' || number AS title,
         name AS category, price * (60 + r / 12 % 81) / 100 + 0.9 AS price, r / 1000 % 100 < 93 AS in_stock
  FROM (SELECT row_number() OVER (ORDER BY c, i) - 1 AS n, i AS number, demo_category.*
        FROM demo_category JOIN demo_random ON i <= size)
       JOIN demo_random ON i = 45001 + n
       JOIN demo_word ON w = r % 4 * 3 + n % 3;
INSERT INTO products SELECT id, title, category, price, in_stock FROM demo_item ORDER BY id;

-- 3. A pack of cards.  The better its rank the more cards a product has (near Zipf's law); those of a category lie
--    together, and in it those of a style.  So a random card of first .. first + cards - 1 is a product by popularity.
CREATE TEMP TABLE demo_card(k INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO demo_card(n) SELECT n FROM demo_item JOIN demo_random ON i <= 10 + 1200 / (9 + rank) ORDER BY c, style, n;
CREATE TEMP TABLE demo_place(n INTEGER PRIMARY KEY, style INTEGER, first INTEGER, cards INTEGER,
                             with_first INTEGER, with_cards INTEGER);   -- with_*: of the category that goes with it
INSERT INTO demo_place
  WITH pack AS MATERIALIZED (
    SELECT category, min(k) AS first, count(*) AS cards FROM demo_card JOIN demo_item USING (n) GROUP BY category)
  SELECT n, style, own.first, own.cards, other.first, other.cards
  FROM demo_item JOIN demo_category USING (c)
       JOIN pack AS own USING (category) JOIN pack AS other ON other.category = goes_with;

-- 4. Usual successors.  A product has seven for each style that a visitor may come from, all of its category and of
--    that style, with chances .35 .20 .15 .10 .10 .05 .05: the digits below are the seven on a die of twenty.
CREATE TEMP TABLE demo_successor(k INTEGER PRIMARY KEY, n INTEGER);     -- k = (product * 3 + style) * 20 + die
INSERT INTO demo_successor
  WITH shelf AS MATERIALIZED (
    SELECT c, style, min(k) AS first, count(*) AS cards FROM demo_card JOIN demo_item USING (n) GROUP BY c, style)
  SELECT (p.n * 3 + s.style) * 20 + die.i - 1, iif(a.n <> p.n, a.n, b.n)      -- b: half-way round, another product
  FROM demo_item AS p JOIN shelf AS s USING (c) JOIN demo_random AS die ON die.i <= 20
       JOIN demo_random AS x ON x.i = 28001 + (p.n * 3 + s.style) * 7
                                      + CAST(substr('00000001111222334456', die.i, 1) AS INTEGER)
       JOIN demo_card AS a ON a.k = first + x.r % cards
       JOIN demo_card AS b ON b.k = first + (x.r + cards / 2) % cards;

-- 5. Visits.  A fifth of them land on the eight bestsellers of the front page: more cards, at the end of the pack,
--    where only the first click draws.
INSERT INTO demo_card(n) SELECT n FROM demo_item JOIN demo_random ON i <= 430 WHERE rank <= 8 ORDER BY rank;

-- The 720 hours of the month, each as often as it is busy: a digit for each hour of a day, weekends half as much again.
CREATE TEMP TABLE demo_hour(k INTEGER PRIMARY KEY, hour INTEGER);
INSERT INTO demo_hour(hour)
  SELECT h.i - 1
  FROM demo_random AS h
       JOIN demo_random AS x ON x.i <= substr('211111234566655556789864', 1 + (h.i - 1) % 24, 1)
                                       * iif((h.i - 1) / 24 % 7 < 5, 2, 3)
  WHERE h.i <= 30 * 24;

-- 6. The walk.  n is the product on the screen, before the one that the visitor came from, detour whether the next
--    click goes on from there instead, r the die for that click.  4 % leave after one click, 27 % after a later one.
CREATE TEMP TABLE demo_walk(session_id INTEGER, started INTEGER, n INTEGER, ts INTEGER);
INSERT INTO demo_walk
  WITH RECURSIVE
    visit AS (
      SELECT i, r, 1711929600 + hour * 3600 + r / 7000 % 3600 AS started            -- Monday 2024-04-01 00:00 UTC
      FROM demo_random JOIN demo_hour ON k = 1 + r % (SELECT max(k) FROM demo_hour)
      WHERE i <= 28000),
    walk(session_id, started, n, before, detour, stay, ts, r) AS (
      SELECT row_number() OVER (ORDER BY started, i), started, n, n, 0, 957, started, r * 39373 % 2147483647
      FROM visit JOIN demo_card ON k = 1 + r * 69621 % 2147483647 % (SELECT max(k) FROM demo_card)
      UNION ALL
      SELECT session_id, started,
             CASE WHEN r % 100 < 62 THEN (SELECT n FROM demo_successor
                                          WHERE k = (here.n * 3 + past.style) * 20 + r / 100 % 20)
                  WHEN r % 100 < 74 THEN (SELECT n FROM demo_card WHERE k = here.first + r / 100 % here.cards)
                  WHEN r % 100 < 91 THEN (SELECT n FROM demo_card
                                          WHERE k = here.with_first + r / 100 % here.with_cards)
                  ELSE r / 100 % 800 END,
             here.n, r % 100 >= 79, 728, ts + 4 + (r % 61) * (r % 67) / 15, r * 16807 % 2147483647
      FROM walk JOIN demo_place AS here ON here.n = iif(detour, before, walk.n)
                JOIN demo_place AS past ON past.n = before
      WHERE r % 997 < stay)                                                  -- 957 and 728 of 997: 96 % and 73 %
  SELECT session_id, started, n, ts FROM walk;

-- 7. The log, in the order of the clock, so that sessions interleave; the last two days are the test.
INSERT INTO clicks
  SELECT session_id, id, ts FROM demo_walk JOIN demo_item USING (n)
  WHERE started < 1711929600 + 28 * 86400 ORDER BY ts, session_id;
INSERT INTO clicks_test
  SELECT session_id, id, ts FROM demo_walk JOIN demo_item USING (n)
  WHERE started >= 1711929600 + 28 * 86400 ORDER BY ts, session_id;

DROP TABLE demo_random;     DROP TABLE demo_category;   DROP TABLE demo_word;
DROP TABLE demo_item;       DROP TABLE demo_card;       DROP TABLE demo_place;
DROP TABLE demo_successor;  DROP TABLE demo_hour;       DROP TABLE demo_walk;
COMMIT;
