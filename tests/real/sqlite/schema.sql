-- Schemas, constraints, triggers, views, foreign keys, generated columns, and what they refuse.
PRAGMA foreign_keys = ON;
CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INTEGER CHECK (born > 1000));
CREATE TABLE book(id INTEGER PRIMARY KEY AUTOINCREMENT, author INTEGER REFERENCES author(id) ON DELETE CASCADE,
                  title TEXT COLLATE NOCASE, price REAL DEFAULT 9.5, cents INTEGER GENERATED ALWAYS AS (price * 100) STORED);
CREATE INDEX book_title ON book(title, price DESC);
CREATE TABLE log(at INTEGER PRIMARY KEY, what TEXT) ;
CREATE TRIGGER book_added AFTER INSERT ON book BEGIN INSERT INTO log(what) VALUES ('added ' || new.title); END;
CREATE TRIGGER book_gone BEFORE DELETE ON book WHEN old.price > 20 BEGIN SELECT raise(ABORT, 'too dear to delete'); END;
CREATE VIEW shelf AS SELECT a.name, b.title, b.price FROM author a JOIN book b ON b.author = a.id;
INSERT INTO author VALUES (1, 'Ada', 1815), (2, 'Alan', 1912), (3, 'Grace', 1906);
INSERT INTO book(author, title, price) VALUES (1, 'Notes', 12.25), (2, 'Numbers', 30), (2, 'Morphogenesis', 18), (3, 'Compilers', 25.5);
INSERT INTO book(author, title) VALUES (3, 'nanoseconds');
.bail off
INSERT INTO author VALUES (1, 'Twin', 1900);
INSERT INTO author VALUES (4, 'Early', 12);
INSERT INTO book(author, title) VALUES (99, 'orphan');
DELETE FROM book WHERE title = 'NUMBERS';
SELECT * FROM missing;
SELECT 1 +;
INSERT INTO author(name, born) VALUES ('Ada', 2000) ON CONFLICT(name) DO UPDATE SET born = excluded.born RETURNING id, born;
DELETE FROM author WHERE id = 1;
SELECT count(*), total(cents) FROM book;
.headers on
.mode column
SELECT * FROM shelf ORDER BY price DESC;
.mode box
SELECT * FROM log;
.mode list
.headers off
BEGIN; UPDATE book SET price = price + 1; SAVEPOINT s; DELETE FROM book WHERE price < 20; ROLLBACK TO s; COMMIT;
SELECT title, price FROM book ORDER BY title;
ALTER TABLE book ADD COLUMN note TEXT DEFAULT 'none';
ALTER TABLE book RENAME COLUMN title TO name;
SELECT name, note FROM book LIMIT 2;
PRAGMA integrity_check;
PRAGMA foreign_key_check;
PRAGMA table_xinfo(book);
.schema
