#!/usr/bin/python3
"""`ownjit link` for every architecture: each section's bytes are those that GNU ld makes of it at the same address, and
a loader under qemu-user runs the image there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'real'))
import tap as tapping  # noqa: E402

# Name: prefix of the tools, clang's triple, qemu's name, flags of the compilers
ARCHITECTURES = {
    'x86-64': ('', 'x86_64-linux-gnu', None, []),
    'i386': ('i686-linux-gnu-', 'i386-linux-gnu', 'qemu-i386', []),
    'aarch64': ('aarch64-linux-gnu-', 'aarch64-linux-gnu', 'qemu-aarch64', []),
    'arm': ('arm-linux-gnueabihf-', 'armv7-linux-gnueabihf', 'qemu-arm', ['-marm']),
    'thumb': ('arm-linux-gnueabihf-', 'thumbv7-linux-gnueabihf', 'qemu-arm', ['-mthumb']),
    'riscv64': ('riscv64-linux-gnu-', 'riscv64-linux-gnu', 'qemu-riscv64', ['-mcmodel=medany', '-mno-relax']),
    'riscv32': ('riscv64-linux-gnu-', 'riscv32-linux-gnu', 'qemu-riscv32',
                ['-march=rv32imac', '-mabi=ilp32', '-mcmodel=medany', '-mno-relax']),
    's390x': ('s390x-linux-gnu-', 's390x-linux-gnu', 'qemu-s390x', []),
}
PLAIN = ['-O2', '-ffreestanding', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fno-exceptions', '-fcommon',
         '-fno-stack-protector', '-fno-tree-vectorize']
# What a linker that is made for several has to be told.
EMULATIONS = {'riscv32': ['-m', 'elf32lriscv']}
# Between the loaders' usual addresses, near enough for every branch, and apart from one another.
ADDRESSES = {'--base': 0xc00000, '--rodata': 0xd01000, '--data': 0xe02040}
SAID = ('is 0 0\nzero 1\nis 1 1\none -3\nis 2 2\ntwo 18\nletters 3\nthree 19\nis 4 4\nzero -21\nis 5 5\none 180\n'
        'is more 6\ntwo 55\nconstructors %s\nhost numbers 4321\nzeroes 16\nwide 19088743\nresult 304\n')


def tool(argv, folder):
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def read_map(text):
    """Rows by their first word: address, size, name."""
    rows = {}
    for word, addr, size, name in re.findall(r'^([a-z][a-z-]*) +0x(\S+) 0x(\S+) (.*)$', text, re.M):
        rows.setdefault(word, []).append((int(addr, 16), int(size, 16), name))
    return rows


def host_symbols(prefix, loader, folder):
    text = subprocess.run([prefix + 'nm', loader], cwd=folder, capture_output=True, text=True, check=True).stdout
    return {name: int(addr, 16) for addr, name in re.findall(r'^(\S+) \w (host_\w+)$', text, re.M)}


def pieces(rows):
    """What sections lie where: these ld places as we did."""
    words = ('section', 'constructors', 'destructors', 'common')
    return [(addr, size, re.sub(r'.*\((.*)\)$', r'\1', name) if word != 'common' else 'COMMON')
            for word in words for addr, size, name in rows.get(word, ())]


def check_bytes(tap, name, architecture, symbols, folder):
    """ld is given each section as an output section of its own at our address."""
    with open(os.path.join(folder, 'app.map'), encoding='utf-8') as file:
        rows = read_map(file.read())
    with open(os.path.join(folder, 'app.bin'), 'rb') as file:
        image = file.read()
    low = min(addr for addr, size, kind in rows['segment'])
    places = sorted(piece for piece in pieces(rows) if piece[2] != 'COMMON')
    lines = ['  .p%d 0x%x : { KEEP(*(%s)) }' % (i, addr, section) for i, (addr, size, section) in enumerate(places)]
    common = sorted(addr for addr, size, section in pieces(rows) if section == 'COMMON')
    lines += ['  .common 0x%x : { *(COMMON) }' % common[0]] if common else []
    with open(os.path.join(folder, 'script'), 'w', encoding='utf-8') as file:
        file.write('SECTIONS {\n%s\n  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) *(.ARM*) }\n}\n' % '\n'.join(lines))
    prefix = ARCHITECTURES[architecture][0]
    status, text = tool([prefix + 'ld', *EMULATIONS.get(architecture, []), '-static', '-N', '-e', '0', '-T', 'script', '--no-check-sections',
                         *['--defsym=%s=0x%x' % item for item in symbols.items()], 'app.o', '-o', 'theirs'], folder)
    if not tap.check(name + '_ld_links', status == 0, text):
        return
    problems = []
    for i, (addr, size, section) in enumerate(places):
        tool([prefix + 'objcopy', '-O', 'binary', '-j', '.p%d' % i, '--set-section-flags', '.p%d=alloc,load,contents' % i,
              'theirs', 'piece'], folder)
        with open(os.path.join(folder, 'piece'), 'rb') as file:
            theirs = file.read()
        ours = image[addr - low:addr - low + size]
        if ours != theirs:
            at = next((n for n in range(min(len(ours), len(theirs))) if ours[n] != theirs[n]), 'the end')
            problems.append('%s: %d bytes, theirs %d, first difference at %s' % (section, len(ours), len(theirs), at))
    tap.check(name + '_bytes_are_those_of_ld', not problems and len(places) > 3, '\n'.join(problems))


def make_object(how, architecture, folder):
    prefix, triple, _, flags = ARCHITECTURES[architecture]
    source = os.path.join(HERE, 'image.c')
    if how == 'gcc':
        return tool([prefix + 'gcc', *PLAIN, *flags, '-fno-pic', '-c', source, '-o', 'app.o'], folder)
    if how == 'clang':
        return tool(['clang-19', '--target=' + triple, *PLAIN, *flags, '-fno-pic', '-c', source, '-o', 'app.o'], folder)
    passed = ['--clang=' + flag for flag in PLAIN[1:] + flags if not flag.startswith('-mno-relax')]
    return tool([tapping.OWNJIT, 'compile', '--target=' + triple, '-O2', *passed, source, '-o', 'app.o'], folder)


def link(symbols, folder):
    return tool([tapping.OWNJIT, 'link', 'app.o', *['%s=0x%x' % item for item in ADDRESSES.items()],
                 *['--defsym=%s=0x%x' % item for item in symbols.items()], '-o', 'app.bin', '--map=app.map'], folder)


def make_loader(architecture, folder):
    prefix, _, qemu, flags = ARCHITECTURES[architecture]
    if not shutil.which(prefix + 'gcc') or (qemu and not shutil.which(qemu)):
        return None
    # The images branch to A32 functions: nm does not tell Thumb ones.
    flags = [{'-mthumb': '-marm'}.get(flag, flag) for flag in flags if flag != '-mno-relax']
    status, _ = tool([prefix + 'gcc', '-O1', '-w', '-static', '-no-pie', *flags, os.path.join(HERE, 'loader.c'), '-o',
                      'loader'], folder)
    return 'loader' if status == 0 else None


def check_run(tap, name, architecture, folder):
    qemu = ARCHITECTURES[architecture][2]
    status, text = tool([*([qemu] if qemu else []), './loader', 'app.bin', 'app.map'], folder)
    tap.check(name + '_runs', (status, text) == (0, SAID % '123'), '%s\n%s' % (status, text))


def check(tap, architecture, folder):
    prefix = ARCHITECTURES[architecture][0]
    if not shutil.which(prefix + 'ld'):
        tap.skip('image_' + architecture, prefix + 'ld is not installed')
        return
    loader = make_loader(architecture, folder)
    symbols = host_symbols(prefix, loader, folder) if loader else {'host_print': 0x500000, 'host_numbers': 0x510000}
    for how in ('gcc', 'clang', 'ownjit'):
        name = 'image_%s_%s' % (architecture, how)
        if how == 'gcc' and not shutil.which(prefix + 'gcc'):
            tap.skip(name, prefix + 'gcc is not installed')
            continue
        status, text = make_object(how, architecture, folder)
        if not tap.check(name + '_compiles', status == 0, text):
            continue
        status, text = link(symbols, folder)
        if not tap.check(name + '_links', status == 0, text):
            continue
        if how != 'ownjit':
            check_bytes(tap, name, architecture, symbols, folder)
        if loader:
            check_run(tap, name, architecture, folder)
        else:
            tap.skip(name + '_runs', 'no compiler, C library or qemu for it')


def main():
    tap = tapping.Tap()
    for architecture in sys.argv[1:] or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            check(tap, architecture, folder)
    tap.end()


if __name__ == '__main__':
    main()
