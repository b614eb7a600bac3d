/* Modules that come one after another, as in a language that is typed in line by line: each refers to those before it,
 * one is replaced, and in the end the code is kept and everything else is gone.
 *
 * Build:  cc session.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CODES = 8 };

static int price_of_host(int item) { return 10 * item; }

static bool fail(const char *what, const oj_error *error)
{
    fprintf(stderr, "session: %s: %s\n", what, error->text);
    return false;
}

/* Not compiled until something needs it. */
static oj_module *add(oj_session *session, const char *name, const char *text, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    oj_module *module;
    ir.name = name;
    return oj_session_add_ir(session, &ir, NULL, &module, error) == OJ_OK ? module : NULL;
}

static bool expect(oj_session *session, const char *name, int argument, int expected)
{
    oj_error error;
    uint64_t addr;
    int (*function)(int);
    if (oj_session_lookup(session, name, &addr, &error) != OJ_OK)
        return fail(name, &error);
    function = (int (*)(int))(uintptr_t)addr;
    printf("%s(%d) = %d\n", name, argument, function(argument));
    return function(argument) == expected;
}

static const char total_ir[] = "declare i32 @price(i32)\n"
                               "declare i32 @discount(i32)\n"
                               "define i32 @total(i32 %item) {\n"
                               "  %p = call i32 @price(i32 %item)\n"
                               "  %d = call i32 @discount(i32 %p)\n"
                               "  %t = sub i32 %p, %d\n"
                               "  ret i32 %t\n"
                               "}\n";
static const char discount_ir[] = "define i32 @discount(i32 %price) {\n  ret i32 1\n}\n";
static const char better_ir[] = "define i32 @discount(i32 %price) {\n  %d = sdiv i32 %price, 2\n  ret i32 %d\n}\n";

/* Code that has been linked keeps what it refers to, so whoever refers to a module ends before it does. */
static bool replace(oj_session *session, oj_module *user, oj_module *old, oj_error *error)
{
    oj_status status = oj_module_remove(old, 0, error);
    if (status != OJ_E_REFERENCED)
        return fail("a module that is in use was removed", error);
    printf("refused: %s\n", error->text);
    if (oj_module_remove(user, 0, error) != OJ_OK || oj_module_remove(old, 0, error) != OJ_OK)
        return fail("cannot remove", error);
    if (!add(session, "discount again", better_ir, error) || !add(session, "total again", total_ir, error))
        return fail("cannot add", error);
    return true;
}

static bool run(oj_session *session, oj_error *error)
{
    oj_module *total, *discount;
    if (oj_session_define(session, "price", (uint64_t)(uintptr_t)price_of_host, 0, error) != OJ_OK)
        return fail("cannot define", error);
    total = add(session, "total", total_ir, error);
    discount = add(session, "discount", discount_ir, error);
    if (!total || !discount)
        return fail("cannot add", error);
    return expect(session, "total", 4, 39) && replace(session, total, discount, error) &&
           expect(session, "total", 4, 20);
}

int main(void)
{
    oj_session_options options;
    oj_compiler *compiler;
    oj_session *session;
    oj_code *codes[MAX_CODES] = {NULL};
    oj_error error;
    uint64_t addr = 0;
    bool done;
    oj_session_options_init(&options);
    if (oj_compiler_create(&compiler, NULL, &error) != OJ_OK)
        return fail("no compiler", &error), 1;
    options.compiler = compiler;
    if (oj_session_create(&session, &options, &error) != OJ_OK)
        return fail("no session", &error), 1;
    done = run(session, &error) && oj_session_lookup(session, "total", &addr, &error) == OJ_OK &&
           oj_session_take_code(session, codes, MAX_CODES, &error) == OJ_OK;
    oj_session_destroy(session);
    oj_compiler_destroy(compiler);
    /* The code is ours: neither session nor compiler nor IR is left. */
    if (done)
        printf("kept: total(6) = %d\n", ((int (*)(int))(uintptr_t)addr)(6));
    for (int i = MAX_CODES; i > 0; i--)
        oj_code_destroy(codes[i - 1]);
    return done ? 0 : 1;
}
