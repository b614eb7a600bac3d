// Arithmetic over whole arrays, slices of matrices, and complex numbers: a transform there and back.
#include <cmath>
#include <complex>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <sstream>
#include <valarray>

using complex = std::complex<double>;

static void transform(std::valarray<complex> &x, double direction)
{
    size_t n = x.size();
    if (n <= 1)
        return;
    std::valarray<complex> even = x[std::slice(0, n / 2, 2)], odd = x[std::slice(1, n / 2, 2)];
    transform(even, direction);
    transform(odd, direction);
    for (size_t k = 0; k < n / 2; k++) {
        complex turned = std::polar(1.0, direction * 2 * 3.14159265358979323846 * double(k) / double(n)) * odd[k];
        x[k] = even[k] + turned;
        x[k + n / 2] = even[k] - turned;
    }
}

static void print(const char *name, const std::valarray<int> &values)
{
    printf("%s", name);
    for (int value : values)
        printf(" %d", value);
    puts("");
}

int main()
{
    std::valarray<int> matrix(12);
    std::iota(std::begin(matrix), std::end(matrix), 1);
    print("row", matrix[std::slice(4, 4, 1)]);
    print("column", matrix[std::slice(1, 3, 4)]);
    size_t lengths[] = {2, 2}, strides[] = {4, 2};
    print("corners", matrix[std::gslice(1, std::valarray<size_t>(lengths, 2), std::valarray<size_t>(strides, 2))]);
    matrix[matrix % 3 == 0] = -1;
    print("masked", matrix);
    print("shifted", matrix.shift(2));
    print("turned", matrix.cshift(-3));
    print("applied", matrix.apply([](int n) { return n * n; }));
    printf("sum %d min %d max %d\n", matrix.sum(), matrix.min(), matrix.max());
    std::valarray<complex> signal(16);
    for (size_t i = 0; i < signal.size(); i++)
        signal[i] = complex(i % 4 == 0, i % 8 == 2);
    std::valarray<complex> copy = signal;
    transform(signal, -1);
    double energy = 0;
    for (const complex &value : signal)
        energy += std::norm(value);
    printf("energy %.6f\n", energy / 16);
    transform(signal, 1);
    double error = 0;
    for (size_t i = 0; i < copy.size(); i++)
        error = std::max(error, std::abs(signal[i] / 16.0 - copy[i]));
    printf("exact %d\n", error < 1e-12);
    complex read;
    std::istringstream("(1.5,-2)") >> read;
    std::cout << read << ' ' << std::conj(read) * read << ' ' << read + 1.0 << '\n';
    printf("%.4f %.4f %.4f\n", std::exp(complex(0, 1)).real(), std::sqrt(complex(-4, 0)).imag(), std::arg(complex(-1, 1)));
    return 0;
}
