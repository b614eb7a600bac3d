// flags: -std=c++20
// Exceptions out of and into coroutines: through the promise, after suspension, from generators that are left early.
#include <coroutine>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

struct Note {
    const char *text;
    ~Note() { std::printf("~%s\n", text); }
};

struct Generator {
    struct promise_type {
        int value = 0;
        std::exception_ptr failed;
        Generator get_return_object() { return Generator{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int v)
        {
            value = v;
            return {};
        }
        void return_void() {}
        void unhandled_exception() { failed = std::current_exception(); }
    };
    std::coroutine_handle<promise_type> handle;
    explicit Generator(std::coroutine_handle<promise_type> h) : handle(h) {}
    Generator(Generator &&other) noexcept : handle(std::exchange(other.handle, {})) {}
    ~Generator()
    {
        if (handle)
            handle.destroy();
    }
    bool next()
    {
        handle.resume();
        if (handle.promise().failed)
            std::rethrow_exception(handle.promise().failed);
        return !handle.done();
    }
};

static Generator count(int to, int fails_at)
{
    Note note{"count"};
    for (int i = 0; i < to; i++) {
        if (i == fails_at)
            throw std::runtime_error("count failed");
        co_yield i;
    }
}

static Generator careful(int to)
{
    int i = 0;
    while (i < to) {
        bool failed = false;
        try {
            Note note{"turn"};
            if (i == 1)
                throw i;
            co_yield i;
        } catch (int) {
            failed = true;
        }
        if (failed)
            co_yield -1;
        i++;
    }
}

static Generator nested(int fails_at)
{
    Generator inner = count(3, fails_at);
    while (inner.next())
        co_yield inner.handle.promise().value * 100;
}

static void run(Generator generator, int most = 10)
{
    try {
        while (most-- > 0 && generator.next())
            std::printf("%d\n", generator.handle.promise().value);
        std::printf("ended\n");
    } catch (const std::exception &e) {
        std::printf("%s\n", e.what());
    }
}

int main()
{
    run(count(3, -1));
    run(count(3, 2));
    run(count(3, 0));
    run(count(3, -1), 1);
    run(careful(3));
    run(nested(1));
    return 0;
}
