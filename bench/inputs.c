/* The inputs: read from the folder that inputs.sh fills, and run to see that a link did its work. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* add.ll's function name; the digits are overwritten in place. */
#define ADD_STEM "add_"
#define ADD_NAME "add_0000000"

static bool read_file(const char *folder, const char *name, const char *suffix, bench_bytes *out)
{
    char path[4096];
    long size;
    snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    FILE *file = fopen(path, "rb");
    if (!file)
        return bench_fail("cannot open %s", path);
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0) {
        rewind(file);
        out->size = (size_t)size;
        out->data = malloc(out->size + 1);
        if (out->data && fread(out->data, 1, out->size, file) != out->size) {
            free(out->data);
            out->data = NULL;
        }
    }
    fclose(file);
    if (!out->data)
        return bench_fail("cannot read %s", path);
    out->data[out->size] = 0;
    return true;
}

static bool load(bench_input *input, const char *folder, bool with_bitcode)
{
    return read_file(folder, input->name, ".o", &input->object) &&
           (!with_bitcode || read_file(folder, input->name, ".bc", &input->bitcode));
}

bool bench_check_add(void *address)
{
    int (*add)(int, int);
    if (!BENCH_CHECK(address != NULL))
        return false;
    memcpy(&add, &address, sizeof add);
    return BENCH_CHECK(add(2, 3) == 5);
}

static bool check_add(bench_lookup lookup, void *context) { return bench_check_add(lookup(context, ADD_NAME)); }

/* Fetch a function by name into a typed pointer of the same name. */
#define FETCH(result, name, ...)                      \
    result (*name)(__VA_ARGS__);                      \
    do {                                              \
        void *address = lookup(context, #name);       \
        if (!address)                                 \
            return bench_fail("no symbol %s", #name); \
        memcpy(&name, &address, sizeof address);      \
    } while (0)

static bool check_lua(bench_lookup lookup, void *context)
{
    static const char script[] = "local t = {} for i = 1, 100 do t[#t + 1] = i * i end "
                                 "local s = 0 for _, v in ipairs(t) do s = s + v end "
                                 "local ok = pcall(error, 'x') "
                                 "return s + #string.format('%05d', 42) + (ok and 1 or 0)";
    FETCH(void *, luaL_newstate, void);
    FETCH(void, luaL_openlibs, void *);
    FETCH(int, luaL_loadstring, void *, const char *);
    FETCH(int, lua_pcallk, void *, int, int, int, intptr_t, void *);
    FETCH(long long, lua_tointegerx, void *, int, int *);
    FETCH(void, lua_close, void *);
    void *state = luaL_newstate();
    if (!BENCH_CHECK(state != NULL))
        return false;
    luaL_openlibs(state);
    bool ok = BENCH_CHECK(luaL_loadstring(state, script) == 0) &&
              BENCH_CHECK(lua_pcallk(state, 0, 1, 0, 0, NULL) == 0) &&
              BENCH_CHECK(lua_tointegerx(state, -1, NULL) == 338350 + 5);
    lua_close(state);
    return ok;
}

static bool check_sqlite(bench_lookup lookup, void *context)
{
    static const char query[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
                                "SELECT sum(i * i) FROM n";
    void *database = NULL, *statement = NULL;
    FETCH(int, sqlite3_open, const char *, void **);
    FETCH(int, sqlite3_prepare_v2, void *, const char *, int, void **, const char **);
    FETCH(int, sqlite3_step, void *);
    FETCH(int, sqlite3_column_int, void *, int);
    FETCH(int, sqlite3_finalize, void *);
    FETCH(int, sqlite3_close, void *);
    FETCH(int, sqlite3_shutdown, void);
    bool ok = BENCH_CHECK(sqlite3_open(":memory:", &database) == 0) &&
              BENCH_CHECK(sqlite3_prepare_v2(database, query, -1, &statement, NULL) == 0) &&
              BENCH_CHECK(sqlite3_step(statement) == 100) && BENCH_CHECK(sqlite3_column_int(statement, 0) == 338350);
    if (statement)
        sqlite3_finalize(statement);
    sqlite3_close(database);
    return BENCH_CHECK(sqlite3_shutdown() == 0) && ok;
}

const char *bench_add_rename(bench_bytes bytes, uint32_t index)
{
    static char name[sizeof ADD_NAME];
    uint8_t *place = bytes.data, *end = bytes.data + bytes.size;
    snprintf(name, sizeof name, ADD_STEM "%07u", (unsigned)(index % 10000000u));
    while ((place = memmem(place, (size_t)(end - place), ADD_STEM, strlen(ADD_STEM))) != NULL) {
        if ((size_t)(end - place) >= sizeof ADD_NAME - 1 && place[4] >= '0' && place[4] <= '9')
            memcpy(place, name, sizeof ADD_NAME - 1);
        place += strlen(ADD_STEM);
    }
    return name;
}

bool bench_inputs_load(bench_inputs *inputs, const char *folder)
{
    bench_bytes version = {0};
    *inputs = (bench_inputs){
        .add = {.name = "add", .entry = ADD_NAME, .check = check_add},
        .lua = {.name = "lua", .entry = "luaL_newstate", .check = check_lua},
        .sqlite = {.name = "sqlite", .entry = "sqlite3_open", .check = check_sqlite},
        .sqlite_plain = {.name = "sqlite-nounwind", .entry = "sqlite3_open", .check = check_sqlite},
    };
    if (!load(&inputs->add, folder, true) || !load(&inputs->lua, folder, true) ||
        !load(&inputs->sqlite, folder, true) || !load(&inputs->sqlite_plain, folder, false) ||
        !read_file(folder, "compiler", ".txt", &version))
        return false;
    snprintf(inputs->compiler, sizeof inputs->compiler, "%.*s", (int)strcspn((char *)version.data, "\n"),
             (char *)version.data);
    free(version.data);
    snprintf(inputs->thrower, sizeof inputs->thrower, "%s/throw.so", folder);
    return read_file(folder, "pass", ".o", &inputs->pass) && read_file(folder, "pass-plain", ".o", &inputs->pass_plain);
}

void bench_inputs_free(bench_inputs *inputs)
{
    bench_input *all[] = {&inputs->add, &inputs->lua, &inputs->sqlite, &inputs->sqlite_plain};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]->object.data);
        free(all[i]->bitcode.data);
    }
    free(inputs->pass.data);
    free(inputs->pass_plain.data);
}
