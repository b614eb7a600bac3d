/* A host that embeds Lua from Debian's static library. */
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include <stdio.h>

static int twice(lua_State *L)
{
    lua_pushinteger(L, 2 * luaL_checkinteger(L, 1));
    return 1;
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "twice", twice);
    int failed = luaL_dostring(L, "local t = {} for i = 1, 100 do t[i] = twice(i) end "
                                  "print(_VERSION, #t, t[50], string.format('%5.2f', math.pi)) "
                                  "print(pcall(twice, 'x')) return select(2, pcall(error, 'thrown'))");
    printf("%d %s %d %s\n", failed, lua_tostring(L, -1), argc, argv[argc - 1]);
    failed = luaL_dostring(L, "syntax error here");
    printf("%d %s\n", failed, lua_tostring(L, -1));
    lua_close(L);
    return 4;
}
