// Coroutines that await each other and are resumed from another thread; symmetric transfer.
// flags: -std=c++20
#include <coroutine>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>

struct task {
    struct promise_type {
        int value = 0;
        std::exception_ptr error;
        std::coroutine_handle<> waiting = std::noop_coroutine();
        struct finish {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept { return h.promise().waiting; }
            void await_resume() noexcept {}
        };
        task get_return_object() { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        finish final_suspend() noexcept { return {}; }
        void return_value(int v) { value = v; }
        void unhandled_exception() { error = std::current_exception(); }
    };
    std::coroutine_handle<promise_type> handle;
    explicit task(std::coroutine_handle<promise_type> h) : handle(h) {}
    task(task &&o) noexcept : handle(std::exchange(o.handle, nullptr)) {}
    ~task() { if (handle) handle.destroy(); }
    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) { handle.promise().waiting = h; return handle; }
    int await_resume()
    {
        if (handle.promise().error)
            std::rethrow_exception(handle.promise().error);
        return handle.promise().value;
    }
};
struct elsewhere {
    std::thread &thread;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> h) { thread = std::thread([h] { h.resume(); }); }
    void await_resume() {}
};

static task leaf(int n) { if (n == 3) throw n; co_return n * n; }
static task middle(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        try { sum += co_await leaf(i); } catch (int x) { sum += 1000 * x; }
    co_return sum;
}
static task top(std::thread &thread)
{
    int a = co_await middle(5);
    co_await elsewhere{thread};
    co_return a + co_await middle(3);
}

int main()
{
    std::thread thread;
    task t = top(thread);
    t.handle.resume();
    thread.join();
    std::printf("%d %d\n", t.handle.done(), t.await_resume());
    return 0;
}
