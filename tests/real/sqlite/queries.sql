-- Common table expressions, window functions, JSON, full-text search, R-trees, dates, mathematics, text functions.
WITH RECURSIVE fib(n, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT n + 1, b, a + b FROM fib WHERE n < 60) SELECT n, a FROM fib WHERE n % 12 = 0;
WITH RECURSIVE
  xaxis(x) AS (VALUES(-2.0) UNION ALL SELECT x + 0.05 FROM xaxis WHERE x < 1.2),
  yaxis(y) AS (VALUES(-1.0) UNION ALL SELECT y + 0.1 FROM yaxis WHERE y < 1.0),
  m(iter, cx, cy, x, y) AS (SELECT 0, x, y, 0.0, 0.0 FROM xaxis, yaxis
    UNION ALL SELECT iter + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m WHERE (x * x + y * y) < 4.0 AND iter < 28),
  m2(iter, cx, cy) AS (SELECT max(iter), cx, cy FROM m GROUP BY cx, cy),
  a(t) AS (SELECT group_concat(substr(' .+*#', 1 + min(iter / 7, 4), 1), '') FROM m2 GROUP BY cy)
SELECT group_concat(rtrim(t), x'0a') FROM a;
CREATE TABLE sale(day INTEGER, shop TEXT, amount INTEGER);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29) INSERT INTO sale SELECT i / 3, char(65 + i % 3), (i * 37) % 23 FROM n;
SELECT day, shop, amount, sum(amount) OVER (PARTITION BY shop ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving,
       rank() OVER (ORDER BY amount DESC), lag(amount, 1, -1) OVER w, first_value(amount) OVER w, ntile(4) OVER (ORDER BY day, shop),
       percent_rank() OVER (ORDER BY amount) FROM sale WINDOW w AS (PARTITION BY shop ORDER BY day) ORDER BY day, shop LIMIT 12;
SELECT json_extract('{"a":[1,2,{"b":"x"}]}', '$.a[2].b'), '{"k":5}' ->> '$.k', json_type('[1]'), json_patch('{"a":1}', '{"b":2}');
SELECT json_group_array(json_object('shop', shop, 'sum', s)) FROM (SELECT shop, sum(amount) AS s FROM sale GROUP BY shop);
SELECT key, value, type, path FROM json_tree('{"x":{"y":[true,null,1.5,"s"]}}');
SELECT json_valid('{"a":'), json_quote('a"b'), json_array(1, NULL, 'x', 2.5), json_remove('[0,1,2]', '$[1]');
CREATE VIRTUAL TABLE page USING fts5(title, body, tokenize = 'porter unicode61');
INSERT INTO page VALUES ('Linking', 'The linker resolves symbols and relocates sections'), ('Loading', 'Loaders load what linkers link'),
  ('Compiling', 'A compiler compiles sources; compiled objects are linked');
SELECT title, highlight(page, 1, '[', ']') FROM page WHERE page MATCH 'link' ORDER BY rank, title;
SELECT title FROM page WHERE page MATCH 'compil* NOT loader' ORDER BY title;
SELECT snippet(page, 1, '<', '>', '..', 3) FROM page WHERE page MATCH 'body: symbols AND sections';
CREATE VIRTUAL TABLE place USING rtree(id, x0, x1, y0, y1);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO place SELECT i, i % 25, i % 25 + 1, i / 25, i / 25 + 1 FROM n;
SELECT count(*), sum(id) FROM place WHERE x0 >= 3 AND x1 <= 9 AND y0 >= 2 AND y1 <= 5;
SELECT date('2024-02-28', '+2 days'), strftime('%j %W %s', '2001-09-09 01:46:40'), julianday('2000-01-01'), datetime(0, 'unixepoch', '+1 month', 'weekday 1');
SELECT round(sin(1), 12), round(exp(2.5), 10), sqrt(2), pow(2, 10), ceil(1.2), log(100), mod(-7, 3), 7 / 2, 7 / 2.0, -7 % 3, 1e308 * 10, 9223372036854775807 + 1;
SELECT substr('grüße', 3, 2), upper('grüße'), length('grüße'), hex('grü'), instr('haystack', 'st'), replace('aXbX', 'X', '--'), trim('  x '), unicode('€'), quote(x'00ff'), printf('%08.3f|%-6s|%+d|%x|%q', 3.14159, 'ab', 5, 255, 'it''s');
SELECT typeof(1), typeof(1.0), typeof('x'), typeof(x''), typeof(NULL), CAST('12abc' AS INTEGER), CAST(9.99 AS INTEGER), '10' + 5, 'a' < 'B', 'a' < 'B' COLLATE NOCASE, NULL IS NULL, 5 BETWEEN 1 AND 9, 3 IN (1, 2, 3);
SELECT 'abc' REGEXP 'a';
SELECT x, CASE WHEN x % 15 = 0 THEN 'fizzbuzz' WHEN x % 5 = 0 THEN 'buzz' WHEN x % 3 = 0 THEN 'fizz' ELSE x END FROM generate_series(1, 15) AS g(x);
SELECT value FROM generate_series(1, 10, 3);
SELECT shop FROM sale WHERE amount > 15 UNION SELECT 'Z' EXCEPT SELECT 'A' ORDER BY 1;
SELECT count(DISTINCT amount), (SELECT amount FROM sale ORDER BY amount DESC LIMIT 1 OFFSET 2), EXISTS (SELECT 1 FROM sale WHERE amount = 22) FROM sale;
