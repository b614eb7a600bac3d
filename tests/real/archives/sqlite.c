/* Queries through Debian's static SQLite. */
#include <sqlite3.h>
#include <stdio.h>

static int print_row(void *context, int n, char **values, char **names)
{
    ++*(int *)context;
    for (int i = 0; i < n; i++)
        printf("%s=%s%c", names[i], values[i] ? values[i] : "NULL", i + 1 < n ? ' ' : '\n');
    return 0;
}

static void half(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    sqlite3_result_double(context, sqlite3_value_double(values[0]) / 2);
}

int main(void)
{
    sqlite3 *db;
    char *message = NULL;
    int rows = 0;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        return 1;
    sqlite3_create_function(db, "half", 1, SQLITE_UTF8, NULL, half, NULL, NULL);
    sqlite3_exec(db,
                 "CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                 "INSERT INTO t SELECT i, 'row ' || i FROM n",
                 NULL, NULL, &message);
    sqlite3_exec(db, "SELECT count(*) AS n, sum(half(a)) AS s, max(b) AS m FROM t", print_row, &rows, &message);
    sqlite3_exec(db, "SELECT a, row_number() OVER (ORDER BY b) AS r, json_array(a, b) AS j FROM t LIMIT 3", print_row,
                 &rows, &message);
    int status = sqlite3_exec(db, "SELECT nothing FROM t", print_row, &rows, &message);
    printf("%d rows, %d %s, %s\n", rows, status, message, sqlite3_libversion());
    sqlite3_free(message);
    return sqlite3_close(db);
}
