/* A small host for Lua: it gives a script what it takes to draw in a terminal, and one fast function.
 *
 * Nothing here knows of OwnJIT. It is an ordinary program that clang turns to bitcode; `ownjit run` compiles that,
 * links it with Debian's own liblua5.4.a, and runs it. */
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* escape(x, y, cx, cy, limit): how fast z -> z*z + c runs away from z = x + iy, as a number from 0 to 1 without
 * steps in it, or nil where it stays. */
static int escape(lua_State *lua)
{
    double x = luaL_checknumber(lua, 1), y = luaL_checknumber(lua, 2);
    const double cx = luaL_checknumber(lua, 3), cy = luaL_checknumber(lua, 4);
    const lua_Integer limit = luaL_checkinteger(lua, 5);
    for (lua_Integer i = 0; i < limit; i++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 256.0) {
            lua_pushnumber(lua, ((double)i + 1.0 - log2(log2(xx + yy) / 2.0)) / (double)limit);
            return 1;
        }
        y = 2.0 * x * y + cy;
        x = xx - yy + cx;
    }
    lua_pushnil(lua);
    return 1;
}

/* terminal(): columns and rows, or nothing where standard output is no terminal that shows colours. */
static int terminal(lua_State *lua)
{
    struct winsize size;
    const char *kind = getenv("TERM");
    if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR") || !kind || strcmp(kind, "dumb") == 0)
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20 || size.ws_row < 10)
        return 0;
    lua_pushinteger(lua, size.ws_col);
    lua_pushinteger(lua, size.ws_row);
    return 2;
}

/* now(): seconds of a clock that only runs forward. */
static int now(lua_State *lua)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    lua_pushnumber(lua, (double)time.tv_sec + (double)time.tv_nsec * 1e-9);
    return 1;
}

static int sleep_for(lua_State *lua)
{
    double seconds = luaL_checknumber(lua, 1);
    if (seconds > 0.0 && seconds < 10.0) {
        struct timespec time = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
        nanosleep(&time, NULL);
    }
    return 0;
}

static const luaL_Reg functions[] = {
    {"escape", escape}, {"terminal", terminal}, {"now", now}, {"sleep", sleep_for}, {NULL, NULL}};

static int run_script(lua_State *lua, int argc, char **argv)
{
    luaL_openlibs(lua);
    luaL_newlib(lua, functions);
    lua_setglobal(lua, "show");
    lua_createtable(lua, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(lua, argv[i]);
        lua_rawseti(lua, -2, i - 1);
    }
    lua_setglobal(lua, "arg");
    if (luaL_dofile(lua, argv[1]) == LUA_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: %s\n", argv[0], lua_tostring(lua, -1));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s SCRIPT.lua [ARGS...]\n", argv[0]);
        return EXIT_FAILURE;
    }
    lua_State *lua = luaL_newstate();
    if (!lua) {
        fprintf(stderr, "%s: out of memory\n", argv[0]);
        return EXIT_FAILURE;
    }
    int status = run_script(lua, argc, argv);
    lua_close(lua);
    return status;
}
