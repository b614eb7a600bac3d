// Stream buffers and facets of one's own: text is changed on its way, numbers have other marks.
#include <cctype>
#include <iomanip>
#include <iostream>
#include <locale>
#include <sstream>
#include <streambuf>
#include <string>

class numbered : public std::streambuf {
public:
    explicit numbered(std::streambuf *below) : below_(below) {}

private:
    int overflow(int c) override
    {
        if (c == traits_type::eof())
            return 0;
        if (is_start_) {
            std::string number = std::to_string(++line_) + ": ";
            below_->sputn(number.data(), (std::streamsize)number.size());
        }
        is_start_ = c == '\n';
        return below_->sputc((char)toupper(c));
    }
    int sync() override { return below_->pubsync(); }
    std::streambuf *below_;
    int line_ = 0;
    bool is_start_ = true;
};

class fixed_input : public std::streambuf {
public:
    explicit fixed_input(std::string text) : text_(std::move(text)) {}

private:
    int underflow() override
    {
        if (next_ == text_.size())
            return traits_type::eof();
        one_ = text_[next_++];
        setg(&one_, &one_, &one_ + 1);
        return traits_type::to_int_type(one_);
    }
    std::string text_;
    size_t next_ = 0;
    char one_ = 0;
};

struct marks : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '\''; }
    std::string do_grouping() const override { return "\3\2"; }
    std::string do_truename() const override { return "ja"; }
};

static int sign_index = std::ios_base::xalloc();
static std::ostream &loud(std::ostream &out)
{
    out.iword(sign_index)++;
    return out << "!";
}

int main()
{
    {
        numbered changed(std::cout.rdbuf());
        std::ostream out(&changed);
        out << "first line\nsecond " << 42 << '\n' << std::boolalpha << true << loud << loud << std::endl;
        std::cout << out.iword(sign_index) << '\n';
    }
    fixed_input source("12 words 3.5 0x1f end");
    std::istream in(&source);
    int number = 0, hex = 0;
    double real = 0;
    std::string word;
    in >> number >> word >> real >> std::hex >> hex;
    std::cout << number << word << real << ' ' << hex << '\n';
    in >> word >> word;
    std::cout << in.eof() << in.fail() << '\n';
    std::ostringstream text;
    text.imbue(std::locale(std::locale::classic(), new marks));
    text << std::fixed << std::setprecision(2) << 1234567.891 << ' ' << 987654321 << ' ' << std::boolalpha << true;
    std::cout << text.str() << '\n';
    std::cout << std::use_facet<std::numpunct<char>>(text.getloc()).decimal_point()
              << std::has_facet<std::ctype<wchar_t>>(text.getloc()) << '\n';
    text.exceptions(std::ios::badbit | std::ios::failbit);
    try {
        text.setstate(std::ios::failbit);
    } catch (const std::ios_base::failure &) {
        std::cout << "failure\n";
    }
    return 0;
}
