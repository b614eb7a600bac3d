// A formatter of one's own: variadic templates, parsing at run time, errors that say where.
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct format_error : std::logic_error {
    format_error(const char *what, size_t at) : std::logic_error(what), where(at) {}
    size_t where;
};

struct specification {
    char fill = ' ', align = '<', type = 0;
    size_t width = 0;
};

static std::string write(long long value, const specification &s)
{
    if (s.type == 'x' || s.type == 'b') {
        std::string digits;
        unsigned base = s.type == 'x' ? 16 : 2;
        for (unsigned long long rest = (unsigned long long)value; rest || digits.empty(); rest /= base)
            digits.insert(digits.begin(), "0123456789abcdef"[rest % base]);
        return digits;
    }
    return std::to_string(value);
}
static std::string write(int value, const specification &s) { return write((long long)value, s); }
static std::string write(double value, const specification &)
{
    char text[64];
    snprintf(text, sizeof text, "%g", value);
    return text;
}
static std::string write(const std::string &value, const specification &) { return value; }
static std::string write(const char *value, const specification &) { return value; }
static std::string write(bool value, const specification &) { return value ? "true" : "false"; }
template <typename T> static std::string write(const std::vector<T> &values, const specification &s)
{
    std::string text = "[";
    for (const T &value : values)
        text += (text.size() > 1 ? ", " : "") + write(value, s);
    return text + "]";
}
template <typename K, typename V> static std::string write(const std::map<K, V> &values, const specification &s)
{
    std::string text = "{";
    for (const auto &[key, value] : values)
        text += (text.size() > 1 ? ", " : "") + write(key, s) + ": " + write(value, s);
    return text + "}";
}

static std::string pad(std::string text, const specification &s)
{
    if (text.size() >= s.width)
        return text;
    size_t missing = s.width - text.size(), left = s.align == '<' ? 0 : s.align == '>' ? missing : missing / 2;
    return std::string(left, s.fill) + text + std::string(missing - left, s.fill);
}

template <typename... T> static std::string format(std::string_view pattern, const T &...arguments)
{
    std::array<std::function<std::string(const specification &)>, sizeof...(T)> writers = {
        [&arguments](const specification &s) { return write(arguments, s); }...};
    std::string out;
    size_t next = 0;
    for (size_t i = 0; i < pattern.size(); i++) {
        if (pattern[i] != '{' || pattern.substr(i, 2) == "{{") {
            out += pattern[i];
            i += pattern[i] == '{';
            continue;
        }
        size_t start = i++;
        specification s;
        size_t index = next;
        if (i < pattern.size() && isdigit(pattern[i]))
            index = size_t(pattern[i++] - '0');
        else
            next++;
        if (i < pattern.size() && pattern[i] == ':') {
            if (++i + 1 < pattern.size() && std::string_view("<>^").find(pattern[i + 1]) != std::string_view::npos) {
                s.fill = pattern[i];
                s.align = pattern[i + 1];
                i += 2;
            }
            while (i < pattern.size() && isdigit(pattern[i]))
                s.width = s.width * 10 + size_t(pattern[i++] - '0');
            if (i < pattern.size() && pattern[i] != '}')
                s.type = pattern[i++];
        }
        if (i >= pattern.size() || pattern[i] != '}')
            throw format_error("no end", start);
        out += pad(writers.empty() ? throw format_error("no arguments", start) : index < writers.size() ? writers[index](s) : throw format_error("no such argument", start), s);
    }
    return out;
}

int main()
{
    puts(format("{} and {1} and {0:*>8} {:.^9}|", 12, "text", 2.5).c_str());
    puts(format("{:x} {0:b} {0:_>12x} {{}}", 3735928559LL).c_str());
    puts(format("{} {}", std::vector<int>{1, 2, 3}, std::map<std::string, std::vector<bool>>{}).c_str());
    puts(format("{}", std::map<std::string, std::vector<double>>{{"a", {1, 2.5}}, {"b", {}}}).c_str());
    for (const char *wrong : {"{3}", "x{", "ab{:>>5"}) {
        try {
            puts(format(wrong, true).c_str());
        } catch (const format_error &error) {
            printf("%s at %zu\n", error.what(), error.where);
        }
    }
    return 0;
}
