/* Packs and unpacks through Debian's static zlib. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static unsigned char plain[200000], packed[300000], unpacked[200000];

int main(void)
{
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (unsigned char)("abcdefgh"[i % 8] + i / 5000 % 3);
    for (int level = 0; level <= 9; level += 3) {
        uLongf packed_size = sizeof packed, unpacked_size = sizeof unpacked;
        int a = compress2(packed, &packed_size, plain, sizeof plain, level);
        int b = uncompress(unpacked, &unpacked_size, packed, packed_size);
        printf("%d %d %d %lu %d\n", level, a, b, packed_size, memcmp(plain, unpacked, sizeof plain));
    }
    printf("%s %08lx %08lx\n", zlibVersion(), crc32(0, plain, sizeof plain), adler32(1, plain, sizeof plain));
    packed[0] ^= 0xff;
    uLongf size = sizeof unpacked;
    printf("%s\n", zError(uncompress(unpacked, &size, packed, 1000)));
    return 0;
}
