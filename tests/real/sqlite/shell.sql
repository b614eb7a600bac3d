-- The shell's own commands: output modes, dump, import and export, parameters, reading.
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
INSERT INTO t VALUES (1, 'one', 1.5), (2, 'two, with comma', NULL), (3, 'three "quoted"', -0.25), (4, 'line
break', 1e100);
.headers on
.mode csv
SELECT * FROM t;
.mode json
SELECT * FROM t;
.mode insert copy
SELECT * FROM t;
.mode html
SELECT a, b FROM t;
.mode markdown
SELECT a, c FROM t;
.mode line
SELECT * FROM t WHERE a = 3;
.mode quote
SELECT * FROM t;
.mode table
SELECT a, c FROM t;
.mode tabs
SELECT a, b FROM t WHERE a < 3;
.mode list
.headers off
.separator "|" "\n"
.nullvalue NIL
SELECT * FROM t WHERE c IS NULL;
.parameter set :n 2
SELECT b FROM t WHERE a = :n;
.output t.csv
.mode csv
SELECT * FROM t WHERE a <> 4;
.output stdout
.mode list
CREATE TABLE u(a, b, c);
.import --csv t.csv u
SELECT count(*), sum(a), group_concat(b, '/') FROM u;
.dump t
.tables
.indexes
.databases
.show
.limit length 1000000
.print done
.save saved.db
.open saved.db
SELECT name, sql FROM sqlite_master ORDER BY name;
.sha3sum t
.nonsense
SELECT sqlite_version() = '3.40.1', sqlite_compileoption_used('ENABLE_FTS5');
.quit
