-- Ten thousand rows, in and out of a file, with indexes, joins, aggregates and VACUUM.
ATTACH DATABASE 'bulk.db' AS disk;
PRAGMA disk.journal_mode = WAL;
CREATE TABLE disk.item(id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, weight REAL, data BLOB);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO disk.item SELECT i, i % 17, printf('item-%05d', (i * 7919) % 10007), (i * 31 % 1000) / 8.0, zeroblob(i % 50) FROM n;
COMMIT;
CREATE INDEX disk.item_kind ON item(kind, weight);
CREATE UNIQUE INDEX disk.item_name ON item(name);
CREATE TABLE kind(id INTEGER PRIMARY KEY, label TEXT);
INSERT INTO kind SELECT DISTINCT kind, 'kind ' || char(65 + kind) FROM item;
SELECT count(*), sum(weight), min(name), max(name), avg(length(data)), total(id) FROM item;
SELECT k.label, count(*), round(sum(i.weight), 3), group_concat(i.id % 100) FILTER (WHERE i.id < 60)
  FROM item i JOIN kind k ON k.id = i.kind GROUP BY k.id HAVING count(*) > 500 ORDER BY 3 DESC, 1 LIMIT 6;
SELECT a.id, b.id, a.weight FROM item a JOIN item b ON a.weight = b.weight AND a.id < b.id AND a.kind = b.kind ORDER BY 1, 2 LIMIT 8;
SELECT k.label, (SELECT count(*) FROM item WHERE kind = k.id AND weight > 100) FROM kind k ORDER BY k.id LIMIT 5;
SELECT count(*) FROM item LEFT JOIN kind k ON k.id = item.kind + 8 WHERE k.id IS NULL;
EXPLAIN QUERY PLAN SELECT * FROM item WHERE kind = 3 AND weight > 50 ORDER BY weight;
UPDATE item SET weight = weight * 2 WHERE kind IN (SELECT id FROM kind WHERE id % 2 = 0);
DELETE FROM item WHERE id % 3 = 0;
SELECT count(*), sum(weight) FROM item;
SELECT kind, count(*) FROM item GROUP BY kind ORDER BY 2 DESC, 1 LIMIT 3;
DETACH DATABASE disk;
ATTACH DATABASE 'bulk.db' AS again;
SELECT count(*), sum(weight), sum(length(data)) FROM again.item;
PRAGMA again.integrity_check;
PRAGMA again.journal_mode = DELETE;
VACUUM again;
PRAGMA again.page_count;
SELECT name FROM again.item WHERE name GLOB 'item-0*7' ORDER BY name DESC LIMIT 5;
SELECT count(*) FROM again.item WHERE name LIKE '%99%';
