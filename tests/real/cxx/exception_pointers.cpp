// Exceptions that are kept, handed to other threads, nested, changed and thrown again elsewhere.
#include <cstdio>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

struct counted {
    static int alive;
    int number;
    explicit counted(int n) : number(n) { alive++; }
    counted(const counted &other) : number(other.number) { alive++; }
    ~counted() { alive--; }
};
int counted::alive;

static std::exception_ptr keep(int n)
{
    try {
        throw counted(n);
    } catch (...) {
        return std::current_exception();
    }
}

static void open_file(const std::string &name)
{
    throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory), name);
}

static void read_settings()
{
    try {
        open_file("settings");
    } catch (...) {
        std::throw_with_nested(std::runtime_error("cannot read"));
    }
}

static void print(const std::exception &error, int depth)
{
    auto system = dynamic_cast<const std::system_error *>(&error);
    printf("%*s%s%s\n", depth * 2, "", system ? "system: " : "",
           system ? system->code().message().c_str() : error.what());
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception &inner) {
        print(inner, depth + 1);
    }
}

int main()
{
    std::vector<std::exception_ptr> kept;
    for (int i = 0; i < 5; i++)
        kept.push_back(keep(i));
    printf("%d alive\n", counted::alive);
    std::vector<int> seen(5);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 5; i++)
        threads.emplace_back([&, i] {
            try {
                std::rethrow_exception(kept[i]);
            } catch (counted &error) {
                seen[i] = error.number++;
            }
        });
    for (auto &thread : threads)
        thread.join();
    for (size_t i = 0; i < 5; i++) {
        try {
            std::rethrow_exception(kept[i]);
        } catch (const counted &error) {
            printf("%d>%d ", seen[i], error.number);
        }
    }
    kept.clear();
    printf("\n%d alive\n", counted::alive);
    try {
        std::async(std::launch::async, read_settings).get();
    } catch (const std::exception &error) {
        print(error, 0);
    }
    std::exception_ptr made = std::make_exception_ptr(std::string("text")), none;
    printf("%d %d %d\n", made == made, made == none, std::uncaught_exceptions());
    struct watcher {
        int before = std::uncaught_exceptions();
        ~watcher() { printf("%s\n", std::uncaught_exceptions() > before ? "unwinding" : "leaving"); }
    };
    try {
        watcher first;
        { watcher second; }
        std::rethrow_exception(made);
    } catch (const std::string &text) {
        printf("%s\n", text.c_str());
    }
    return 0;
}
