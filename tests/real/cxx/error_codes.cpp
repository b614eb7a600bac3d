// Error codes, categories of one's own, system errors from the C library.
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <thread>

enum class trouble { none, small, large };
template <> struct std::is_error_code_enum<trouble> : std::true_type {};
struct troubles : std::error_category {
    const char *name() const noexcept override { return "trouble"; }
    std::string message(int n) const override { return n == 2 ? "large" : "small"; }
    std::error_condition default_error_condition(int n) const noexcept override
    {
        return n == 2 ? std::make_error_condition(std::errc::not_enough_memory) : std::error_condition(n, *this);
    }
};
static const troubles category;
std::error_code make_error_code(trouble t) { return {static_cast<int>(t), category}; }

int main()
{
    std::error_code a = trouble::large, b = trouble::none;
    std::printf("%s %s %d %d %d\n", a.category().name(), a.message().c_str(), a == std::errc::not_enough_memory, static_cast<bool>(b),
                a.value());
    try {
        throw std::system_error(ENOENT, std::generic_category(), "opening");
    } catch (const std::system_error &e) {
        std::printf("%d %d\n", e.code() == std::errc::no_such_file_or_directory, std::string(e.what()).find("opening") == 0);
    }
    try {
        std::thread().join();
    } catch (const std::system_error &e) {
        std::printf("%d\n", e.code() == std::errc::invalid_argument);
    }
    return 0;
}
