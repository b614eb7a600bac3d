// Recursive data: an expression parser with unique pointers and visitors, errors as exceptions.
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

struct node { virtual ~node() = default; virtual double value(const std::map<std::string, double> &) const = 0; };
using pointer = std::unique_ptr<node>;
struct number : node { double n; explicit number(double x) : n(x) {} double value(const std::map<std::string, double> &) const override { return n; } };
struct variable : node {
    std::string name;
    explicit variable(std::string s) : name(std::move(s)) {}
    double value(const std::map<std::string, double> &m) const override { return m.at(name); }
};
struct binary : node {
    char op;
    pointer a, b;
    binary(char o, pointer x, pointer y) : op(o), a(std::move(x)), b(std::move(y)) {}
    double value(const std::map<std::string, double> &m) const override
    {
        double x = a->value(m), y = b->value(m);
        if (op == '/' && y == 0)
            throw std::domain_error("division by zero");
        return op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
    }
};
class parser {
    const char *at;
    pointer primary()
    {
        if (*at == '(') {
            at++;
            pointer inner = sum();
            if (*at++ != ')')
                throw std::runtime_error("no )");
            return inner;
        }
        if (std::isdigit(*at)) {
            char *end;
            double n = std::strtod(at, &end);
            at = end;
            return std::make_unique<number>(n);
        }
        std::string name;
        while (std::isalpha(*at))
            name += *at++;
        if (name.empty())
            throw std::runtime_error(std::string("unexpected ") + *at);
        return std::make_unique<variable>(name);
    }
    pointer product()
    {
        pointer left = primary();
        while (*at == '*' || *at == '/') {
            char op = *at++;
            left = std::make_unique<binary>(op, std::move(left), primary());
        }
        return left;
    }
    pointer sum()
    {
        pointer left = product();
        while (*at == '+' || *at == '-') {
            char op = *at++;
            left = std::make_unique<binary>(op, std::move(left), product());
        }
        return left;
    }
public:
    explicit parser(const char *text) : at(text) {}
    pointer parse() { pointer p = sum(); if (*at) throw std::runtime_error("rest"); return p; }
};

int main()
{
    std::map<std::string, double> names{{"x", 3}, {"y", 0}};
    for (const char *text : {"1+2*x", "(1+2)*(x-y)/4", "1/y", "z+1", "(1", "2*+3", "1 2"})
        try {
            std::printf("%s = %g\n", text, parser(text).parse()->value(names));
        } catch (const std::out_of_range &) {
            std::printf("%s: unknown\n", text);
        } catch (const std::exception &e) {
            std::printf("%s: %s\n", text, e.what());
        }
    return 0;
}
