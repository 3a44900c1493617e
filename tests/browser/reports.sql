-- reports.sql: the reports that run.sh looks at, into the folder :pages.

SELECT gru4rec_report('shop', :pages || 'report-shop.html',
  '{"test":"SELECT * FROM clicks_test WHERE session_id % 4 = 2","titles":"SELECT id, title FROM products","label":"SELECT id, category FROM products"}');
SELECT gru4rec_report('imported', :pages || 'report-imported.html', '');
SELECT gru4rec_report('an odd model with quite a long name', :pages || 'report-odd.html',
  '{"test":"SELECT * FROM \"a table, with a long name & <tags>\"","titles":"odd_titles","label":"SELECT id, label FROM odd_titles"}');
