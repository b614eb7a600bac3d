// Arithmetic of the library: complex, valarray, limits, rounding, special values, charconv.
#include <charconv>
#include <cfenv>
#include <cmath>
#include <complex>
#include <cstdio>
#include <limits>
#include <numeric>
#include <string>
#include <valarray>

int main()
{
    std::complex<double> z(1, 2), w = z * z / std::conj(z);
    std::printf("%.6f %.6f %.6f %.6f\n", w.real(), w.imag(), std::abs(z), std::arg(std::exp(z)));
    std::valarray<double> v{1, 2, 3, 4};
    v = std::sqrt(v * v + 1.0);
    std::printf("%.6f %.6f\n", v.sum(), std::valarray<double>(v[std::slice(1, 2, 2)])[1]);
    std::printf("%d %g %d %d\n", std::numeric_limits<int>::max(), std::numeric_limits<double>::epsilon(),
                std::isnan(std::nan("")), std::signbit(-0.0));
    std::printf("%ld %.1f %d %d\n", std::lround(2.5), std::nearbyint(2.5), std::gcd(84, 36), std::lcm(4, 6));
    char text[40];
    auto end = std::to_chars(text, text + sizeof text, 0x7fffffffffffffffLL, 36);
    long back = 0;
    std::from_chars(text, end.ptr, back, 36);
    std::printf("%.*s %ld\n", static_cast<int>(end.ptr - text), text, back);
    end = std::to_chars(text, text + sizeof text, 0.1);
    std::printf("%.*s %d\n", static_cast<int>(end.ptr - text), text, std::fpclassify(1e-310) == FP_SUBNORMAL);
    std::printf("%.10f %.10f %.10f\n", std::tgamma(5.5), std::erf(0.5), std::hypot(3.0, 4.0));
    return 0;
}
