-- pictures_fixture.sql: how docs/pictures/shop.db was made, the model of the pictures:
--
--   sqlite3 docs/pictures/shop.db < tools/pictures_fixture.sql
--
-- The bits of a training differ between processors, so the model is committed, and not made again. The events are not
-- in it: tools/pictures.sh makes them anew, by the same SQL on every machine.

.bail on
.load ./gru4rec
.read sql/demo_clicks.sql
DELETE FROM clicks WHERE session_id % 4 <> 2;
DELETE FROM clicks_test WHERE session_id % 4 <> 2;
CREATE VIRTUAL TABLE shop USING gru4rec(clicks, session=session_id, item=item_id, time=ts, layers=24, n_sample=512, keep_versions=1, batch_size=32);
SELECT gru4rec_train('shop', 'n_epochs=12, validation=0.1, learning_rate=0.2');
SELECT gru4rec_tune('shop', '{"trials":16,"seed":1,"n_epochs":4,"space":{"learning_rate":[0.02,0.05,0.1,0.2],"batch_size":[16,32,64],"dropout_p_embed":[0,0.2,0.4]}}');
SELECT gru4rec_train('shop', 'n_epochs=8');
DROP TABLE clicks;
DROP TABLE clicks_test;
DROP TABLE products;
VACUUM;
