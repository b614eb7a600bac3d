// Coroutines as generators: suspended frames, destroyed early, exceptions out of them, recursion.
// flags: -std=c++20
#include <coroutine>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

template <class T> struct generator {
    struct promise_type {
        T value{};
        std::exception_ptr error;
        generator get_return_object() { return generator{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(T v) { value = std::move(v); return {}; }
        void return_void() {}
        void unhandled_exception() { error = std::current_exception(); }
    };
    std::coroutine_handle<promise_type> handle;
    explicit generator(std::coroutine_handle<promise_type> h) : handle(h) {}
    generator(generator &&o) noexcept : handle(std::exchange(o.handle, nullptr)) {}
    ~generator() { if (handle) handle.destroy(); }
    bool next()
    {
        handle.resume();
        if (handle.promise().error)
            std::rethrow_exception(handle.promise().error);
        return !handle.done();
    }
    const T &value() const { return handle.promise().value; }
};
struct noisy { const char *n; ~noisy() { std::printf("~%s ", n); } };

static generator<long> fibonacci()
{
    noisy n{"fibonacci"};
    for (long a = 0, b = 1;; b = std::exchange(a, b) + b)
        co_yield a;
}
static generator<std::string> words(int depth)
{
    co_yield std::string(static_cast<std::size_t>(depth), 'x');
    if (depth == 0)
        throw std::runtime_error("bottom");
    for (auto inner = words(depth - 1); inner.next();)
        co_yield "(" + inner.value() + ")";
}

int main()
{
    {
        auto g = fibonacci();
        for (int i = 0; i < 10 && g.next(); i++)
            std::printf("%ld ", g.value());
    }
    std::puts("");
    auto w = words(3);
    try {
        while (w.next())
            std::printf("%s ", w.value().c_str());
    } catch (const std::runtime_error &e) {
        std::puts(e.what());
    }
    return 0;
}
