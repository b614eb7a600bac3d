// Code that another architecture's build of OwnJIT links: thread-local variables, constructors, an instruction to change.
#include <cstdio>

thread_local int counter = 5;

namespace {
struct Built {
    int value;
    Built() : value(42) { std::puts("constructed"); }
    ~Built() { std::puts("destroyed"); }
} built;
struct Note {
    ~Note() { std::puts("cleanup"); }
};
} // namespace

// A branch at patch_place passes over what follows; patch_bytes do not.
#if defined(__thumb__)
#define BRANCH ".thumb_func\nchanging:\n.global patch_place\npatch_place: b.n 1f\nnop\nmovs r0, #1\nbx lr\n1: movs r0, #2\nbx lr\n"
#define BYTES 0x00, 0xbf
#elif defined(__arm__)
#define BRANCH "changing:\n.global patch_place\npatch_place: b 1f\nmov r0, #1\nbx lr\n1: mov r0, #2\nbx lr\n"
#define BYTES 0x00, 0xf0, 0x20, 0xe3
#elif defined(__aarch64__)
#define BRANCH "changing:\n.global patch_place\npatch_place: b 1f\nmov w0, #1\nret\n1: mov w0, #2\nret\n"
#define BYTES 0x1f, 0x20, 0x03, 0xd5
#elif defined(__riscv)
#define BRANCH                                                                                                         \
    ".option push\n.option norvc\nchanging:\n.global patch_place\npatch_place: j 1f\nli a0, 1\nret\n1: li a0, 2\nret\n"    \
    ".option pop\n"
#define BYTES 0x13, 0x00, 0x00, 0x00
#elif defined(__s390x__)
#define BRANCH                                                                                                         \
    "changing:\n.global patch_place\npatch_place: j 1f\nlghi %r2, 1\nbr %r14\n1: lghi %r2, 2\nbr %r14\n"
#define BYTES 0xa7, 0x04, 0x00, 0x05
#else
#define BRANCH "changing:\n.global patch_place\npatch_place: jmp 1f\nmovl $1, %eax\nret\n1: movl $2, %eax\nret\n"
#define BYTES 0x90, 0x90
#endif
__asm__(".text\n.p2align 3\n.global changing\n.type changing, %function\n" BRANCH ".size changing, . - changing\n");

extern "C" {
extern const unsigned char patch_bytes[] = {BYTES};
extern const int patch_size = sizeof patch_bytes;
// What an ARM core could not be promised to see whole.
extern const unsigned char other_bytes[] = {0x01, 0x20, 0x80, 0xe2};

int count() { return ++counter; }
int built_value() { return built.value; }

int passes(int (*f)(int), int n)
{
    Note note;
    return f(n) + 1;
}
}
