/* Relocations as LLVM writes them compactly.
 * compilers: clang-19 clang-22
 * flags: -O2 -fPIC -g -Wa,--crel,--allow-experimental-crel
 * flags: -O0 -fno-pic -ffunction-sections -fdata-sections -Wa,--crel,--allow-experimental-crel */
extern int other(int), variable;
static int own[1000];
int (*const functions[])(int) = {other, other};
_Thread_local int counter;

__attribute__((noinline)) static int step(int i) { return own[i] + own[i + 900] + counter++; }

int run(int i)
{
    switch (i) {
    case 0:
        return other(variable);
    case 1:
        return step(i);
    case 2:
        return functions[i & 1](i);
    case 3:
        return other(17) + variable;
    case 4:
        return step(3) - other(step(5));
    default:
        return (int)"text"[i];
    }
}
