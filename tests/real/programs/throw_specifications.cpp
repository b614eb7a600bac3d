// Exceptions that may not leave a function: noexcept, a throwing destructor, no handler at all. Each in a child process.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) static void thrower(int v) { throw v; }
__attribute__((noinline)) static void silent(int v) noexcept { thrower(v); }
struct Bad { ~Bad() noexcept(false) { thrower(2); } };

static void on_terminate()
{
    std::printf("terminate\n");
    std::fflush(stdout);
    _exit(40);
}

static void test(const char *name, void (*body)())
{
    int status = 0;
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        std::set_terminate(on_terminate);
        body();
        _exit(0);
    }
    waitpid(child, &status, 0);
    std::printf("%s: %d %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main()
{
    test("noexcept", [] { try { silent(1); } catch (int) { std::printf("wrong\n"); } });
    test("destructor", [] { try { Bad b; thrower(3); } catch (int) { std::printf("wrong\n"); } });
    test("single destructor", [] { try { Bad b; } catch (int v) { std::printf("caught %d\n", v); std::fflush(stdout); } });
    test("unhandled", [] { thrower(4); });
    test("rethrow of nothing", [] { throw; });
    test("abort", [] { std::set_terminate(std::abort); thrower(5); });
    test("no cleanup before", [] { struct G { ~G() { std::printf("cleanup\n"); std::fflush(stdout); } } g; thrower(6); });
    test("handled", [] { try { thrower(7); } catch (int v) { std::printf("caught %d\n", v); std::fflush(stdout); } });
    return 0;
}
