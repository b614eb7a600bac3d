#!/usr/bin/python3
"""Bad input under Valgrind: `ownjit run` ends with 125 and one message, nothing is read that was never written, and
nothing is leaked. One good program of each kind shows that Valgrind sees what it should."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'real'))
sys.dont_write_bytecode = True
import tap as tapping  # noqa: E402

VALGRIND = ['valgrind', '--quiet', '--error-exitcode=99', '--leak-check=full', '--show-leak-kinds=definite,indirect',
            '--errors-for-leak-kinds=definite,indirect', '--smc-check=none',
            '--suppressions=' + os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ld_so.supp')]
GOOD_C = 'int puts(const char *);\nint main(void) { puts("good"); return 3; }\n'
GOOD_LL = 'define i32 @main() {\n  ret i32 4\n}\n'
SOURCES = {
    'good.c': GOOD_C,
    'undefined.c': 'int nobody(int);\nextern int nothing;\nint main(void) { return nobody(nothing) + nobody(2); }\n',
    'duplicate.c': 'int main(void) { return 1; }\n',
    'nomain.c': 'int other(void) { return 1; }\n',
}
TEXTS = {
    'good.ll': GOOD_LL,
    'malformed.ll': 'define i32 @main() {\n  ret i32 %nothing\n}\n',
    'types.ll': 'define i32 @main() {\n  ret i64 0\n}\n',
    'assembly.ll': 'define i32 @main() {\n  call void asm "not an instruction", ""()\n  ret i32 0\n}\n',
    'triple.ll': 'target triple = "aarch64-unknown-linux-gnu"\n' + GOOD_LL,
    'empty.ll': '',
}


def damage(folder):
    """Objects and bitcode that are cut, of another architecture, or with a wrong table."""
    with open(os.path.join(folder, 'good.o'), 'rb') as file:
        good = file.read()
    made = {'cut.o': good[:len(good) // 2], 'head.o': good[:40],
            'machine.o': good[:18] + bytes([183, 0]) + good[20:],
            'tables.o': good[:40] + b'\xff' * 7 + b'\x7f' + good[48:], 'bits.bc': b'BC\xc0\xde' + bytes(range(200)),
            'archive.a': b'!<arch>\n' + good[:300]}
    for name, content in made.items():
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(content)


def check(tap, folder, name, arguments, expected):
    done = subprocess.run([*VALGRIND, tapping.OWNJIT, *arguments], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=False)
    text = done.stderr.decode(errors='replace')
    said = text.startswith('ownjit: ') if expected == 125 else text == ''
    tap.check('valgrind_' + name, done.returncode == expected and said, 'status %s\n%s' % (done.returncode, text))


def main():
    tap = tapping.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**SOURCES, **TEXTS}.items():
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(text)
        for name in SOURCES:
            subprocess.run(['gcc', '-fPIC', '-c', name], cwd=folder, check=True)
        damage(folder)
        check(tap, folder, 'good_object_runs', ['run', 'good.o'], 3)
        check(tap, folder, 'good_text_runs', ['run', '-O2', 'good.ll'], 4)
        for name in ('undefined.o', 'nomain.o', 'cut.o', 'head.o', 'machine.o', 'tables.o', 'malformed.ll',
                     'types.ll', 'assembly.ll', 'triple.ll', 'empty.ll', 'bits.bc', 'missing.o', '.'):
            check(tap, folder, (name if name != '.' else 'folder').replace('.', '_') + '_rejected', ['run', name], 125)
        check(tap, folder, 'duplicate_rejected', ['run', '--module', 'duplicate.o', 'good.o'], 125)
        check(tap, folder, 'archive_rejected', ['run', '--archive', 'archive.a', 'undefined.o'], 125)
        check(tap, folder, 'passes_rejected', ['run', '--passes=no-such-pass', 'good.ll'], 125)
    tap.end()


if __name__ == '__main__':
    main()
