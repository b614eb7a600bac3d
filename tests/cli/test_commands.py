#!/usr/bin/python3
"""Help, version, compile, inspect and info: what they show and write."""

import os
import re
import subprocess

import cli


def help_and_version(c):
    for argv in (['--help'], ['-h'], ['help']):
        c.expect('cli_help_%s' % argv[0].strip('-'), argv, 0,
                 out_has=('Usage: ownjit COMMAND', 'run', 'compile', 'link', 'inspect',
                                                                      'info', 'ownjit run hello.c', '125'))
    c.expect('cli_version', ['--version'], 0, out_has=('ownjit 0.',))
    version = c.call('--version').out
    c.tap.check('cli_version_is_one_line', re.fullmatch(rb'ownjit \d+\.\d+\.\d+\n', version) is not None, repr(version))
    c.expect('cli_version_letter', ['-V'], 0, out=version)
    options = {'run': ('--module=FILE', '--archive=FILE.a', '--load=LIB.so', '--entry=NAME', '-O LEVEL',
                       '--passes=PIPELINE',
                       '--cpu=CPU', '--features=LIST', '--llvm=VERSION', '--stats ', '--stats-file=FILE', '125'),
               'compile': ('--output=OUT.o', '--target=TRIPLE', '--code-model=MODEL', '--relocation-model=MODEL',
                           '--cpu=CPU'),
               'link': ('--base=ADDR', '--rodata=ADDR', '--data=ADDR', '--defsym=NAME=ADDR', '--map=FILE', '--output=FILE'),
               'inspect': ('sections', 'symbols', 'relocations'), 'info': ('--llvm=VERSION',)}
    for command, parts in options.items():
        for letter in ('--help', '-h'):
            c.expect('cli_%s_help_%s' % (command, letter.strip('-')), [command, letter], 0,
                     out_has=('Usage: ownjit %s ' % command, *parts))
            c.tap.check('cli_%s_help_%s_speaks_of_options_alone' % (command, letter.strip('-')),
                        b'Mandatory' not in c.call(command, letter).out)
        c.expect('cli_help_%s' % command, ['help', command], 0, out=c.call(command, '--help').out)
    c.expect_failure('cli_help_of_no_command', ['help', 'frobnicate'], "'frobnicate' is not a command")
    with open(os.path.join(cli.SOURCE, 'docs', 'ownjit.1'), encoding='utf-8') as file:
        manual = file.read().replace('\\-', '-')
    for command in options:
        named = set(re.findall(r'--[a-z][a-z-]+', c.call(command, '--help').out.decode()))
        missing = sorted(option for option in named if option not in manual)
        c.tap.check('cli_manual_has_every_option_of_%s' % command, not missing, str(missing))


def text_size(c, name):
    """Bytes of the section .text, as binutils see it."""
    out = subprocess.run(['readelf', '-SW', name], cwd=c.folder, capture_output=True, text=True, check=True).stdout
    return sum(int(size, 16) for size in re.findall(r'\s\.text\s+PROGBITS\s+\S+\s+\S+\s+(\S+)', out))


def readelf(c, what, name):
    return subprocess.run(['readelf', what, name], cwd=c.folder, capture_output=True, text=True, check=True).stdout


def compiles(c):
    c.write('p.c', 'static int sum(const int *v, int n)\n{\n    int s = 0;\n    for (int i = 0; i < n; i++)\n'
                   '        s += v[i];\n    return s;\n}\nint values[3] = {1, 2, 3};\n'
                   'int main(void) { return sum(values, 3); }\n')
    c.build('clang-19', '-O1', '-Xclang', '-disable-llvm-passes', '-emit-llvm', '-c', 'p.c', '-o', 'p.bc')
    c.build('clang-19', '-O1', '-Xclang', '-disable-llvm-passes', '-emit-llvm', '-S', 'p.c', '-o', 'p.ll')
    for kind in ('c', 'bc', 'll'):
        c.expect('cli_compile_%s' % kind, ['compile', 'p.' + kind, '-o', 'from_%s.o' % kind], 0, out='')
        c.expect('cli_compile_%s_gives_an_object_that_runs' % kind, ['run', 'from_%s.o' % kind], 6, out='')
        c.build('gcc', 'from_%s.o' % kind, '-o', 'native')
        c.tap.check('cli_compile_%s_links_natively' % kind,
                    subprocess.run([c.path('native')], check=False).returncode == 6)
    sizes = {}
    for level in ('-O0', '-O1', '-O2', '-O3', '--passes=function(mem2reg)', ''):
        name = 'level%d.o' % len(sizes)
        options = [level] if level else []
        c.expect('cli_compile_%s' % (level.strip('-').replace('=', '_') or 'without_level'),
                 ['compile', *options, 'p.bc', '-o', name],
                 0, out='')
        sizes[level] = text_size(c, name)
    c.tap.check('cli_compile_levels_differ', sizes['-O2'] < sizes['--passes=function(mem2reg)'] < sizes['-O0']
                and sizes['-O2'] < sizes[''], str(sizes))
    c.tap.check('cli_compile_O2_inlines', ' sum' in readelf(c, '-sW', 'level0.o')
                and ' sum' not in readelf(c, '-sW', 'level2.o'))
    output = c.call('compile', '-O2', 'p.bc', '-o', '-')
    c.tap.check('cli_compile_to_standard_output', output.status == 0 and output.out == c.read('level2.o'))
    c.write('there.o', b'x' * 100000)
    c.expect('cli_compile_replaces_the_output', ['compile', '-O2', '--output=there.o', 'p.bc'], 0, out='')
    c.tap.check('cli_compile_replaces_all_of_the_output', c.read('there.o') == c.read('level2.o'))
    c.expect('cli_compile_static', ['compile', '--relocation-model=static', 'p.bc', '-o', 'static.o'], 0, out='')
    c.tap.check('cli_compile_static_is_absolute', re.search(r'R_X86_64_32S?\b', readelf(c, '-rW', 'static.o'))
                is not None,
                readelf(c, '-rW', 'static.o'))
    c.expect('cli_compile_static_runs', ['run', 'static.o'], 6, out='')
    for model in ('small', 'medium', 'large'):
        c.expect('cli_compile_code_model_%s' % model,
                 ['compile', '--relocation-model=pic', '--code-model=' + model, 'p.bc', '-o',
                                                       model + '.o'], 0, out='')
        c.expect('cli_compile_code_model_%s_runs' % model, ['run', model + '.o'], 6, out='')
    c.tap.check('cli_compile_code_model_large_is_64_bit', 'R_X86_64_GOTOFF64' in readelf(c, '-rW', 'large.o')
                or 'R_X86_64_64' in readelf(c, '-rW', 'large.o'), readelf(c, '-rW', 'large.o'))
    c.write('plain.ll', 'define i32 @f(i32 %a) {\n  ret i32 %a\n}\n')
    c.expect('cli_compile_triple', ['compile', '--triple=aarch64-unknown-linux-gnu', 'plain.ll', '-o', 'arm.o'], 0,
             out='')
    c.tap.check('cli_compile_triple_is_used', 'AArch64' in readelf(c, '-hW', 'arm.o'))
    c.expect('cli_compile_target', ['compile', '--target=aarch64-unknown-linux-gnu', 'plain.ll', '-o', 'again.o'], 0,
             out='')
    c.tap.check('cli_compile_target_is_triple', c.read('arm.o') == c.read('again.o'))
    for triple in ('x86_64-apple-darwin', 'x86_64-pc-windows-msvc', 'aarch64-apple-darwin', 'wasm32'):
        c.expect('cli_compile_target_%s_is_not_elf' % triple, ['compile', '--target=' + triple, 'plain.ll', '-o', 'foreign.o'],
                 0, out='', err_has=('ownjit: warning: the objects of ', ' are not ELF'))
        c.expect_failure('cli_inspect_object_of_%s' % triple, ['inspect', 'foreign.o'], "'foreign.o' looks like an object",
                         '-elf')
    c.expect('cli_compile_target_of_another_system_as_elf',
             ['compile', '--target=x86_64-apple-macosx-elf', 'plain.ll', '-o', 'foreign.o'], 0, out='')
    c.expect('cli_inspect_object_of_another_system_as_elf', ['inspect', 'foreign.o'], 0, out_has=('for x86-64',))
    for model, reloc, is_local, kind in (('small', 'pic', '', 'R_AARCH64_ADR_GOT_PAGE'),
                                         ('small', 'static', 'dso_local ', 'R_AARCH64_ADR_PREL_PG_HI21'),
                                         ('large', 'static', 'dso_local ', 'R_AARCH64_MOVW_UABS_G3')):
        c.write('global.ll', '@v = external %sglobal i32\ndefine i32 @f() {\n  %%n = load i32, ptr @v\n'
                             '  ret i32 %%n\n}\n' % is_local)
        c.expect('cli_compile_target_%s_%s' % (model, reloc),
                 ['compile', '--target=aarch64-linux-gnu', '--code-model=' + model, '--relocation-model=' + reloc,
                  '--cpu=cortex-a53', '--features=+crc', 'global.ll', '-o', 'model.o'], 0, out='')
        c.tap.check('cli_compile_target_%s_%s_is_used' % (model, reloc), kind in readelf(c, '-rW', 'model.o'),
                    readelf(c, '-rW', 'model.o'))
    c.write('plain.c', 'int f(int a) { return a + 1; }\n')
    for triple, cpu in (('aarch64-linux-gnu', 'cortex-a53'), ('arm-linux-gnueabihf', 'cortex-a9'),
                        ('riscv64-linux-gnu', 'sifive-u74'), ('s390x-linux-gnu', 'z14'), ('i686-linux-gnu', 'pentium4'),
                        ('x86_64-linux-gnu', 'x86-64-v3')):
        c.expect('cli_compile_c_for_%s' % cpu.replace('-', '_'),
                 ['compile', '--target=' + triple, '--cpu=' + cpu, 'plain.c', '-o', 'cpu.o'], 0, out='')
    c.write('vector.ll', 'define void @f(ptr %p) {\n  %v = load <8 x float>, ptr %p, align 4\n'
                         '  %w = fadd <8 x float> %v, %v\n  store <8 x float> %w, ptr %p, align 4\n  ret void\n}\n')
    found = {}
    for name, options in (('avx', ['--cpu=x86-64', '--features=+avx']), ('sse', ['--cpu=x86-64']),
                          ('v3', ['--cpu=x86-64-v3'])):
        c.expect('cli_compile_for_%s' % name, ['compile', *options, 'vector.ll', '-o', name + '.o'], 0, out='')
        found[name] = 'ymm' in subprocess.run(['objdump', '-d', name + '.o'], cwd=c.folder, capture_output=True,
                                              text=True,
                                              check=True).stdout
    c.tap.check('cli_compile_cpu_and_features_are_used', found == {'avx': True, 'sse': False, 'v3': True}, str(found))


def inspects(c):
    c.write('i.c', 'int puts(const char *);\nextern int elsewhere;\n__attribute__((weak)) int maybe(void);\n'
                   'int common[5];\n'
                   'int data[3] = {1};\nstatic int zero[100];\n'
                   'int f(int n) { return puts("text") + elsewhere + zero[n]; }\n'
                   'int main(void) { return f(data[1]) + (maybe ? maybe() : 0); }\n')
    c.build('gcc', '-O0', '-fPIC', '-fcommon', '-g', '-c', 'i.c', '-o', 'i.o')
    got = c.expect('cli_inspect_object', ['inspect', 'i.o'], 0,
                   out_has=('i.o: relocatable object for x86-64', 'Sections', '.text', 'code', '.data', '.bss', 'zero',
                            '.rodata',
                            'Symbols', 'main, .text', 'puts, undefined', 'common, common', 'weak', 'global', 'local',
                            'function',
                            'Relocations of .text', 'R_X86_64_PLT32', 'puts - 0x4', 'R_X86_64_REX_GOTPCRELX', 'debug',
                            'Relocations of .debug_info', 'Needs from elsewhere', '\n  puts\n', '\n  elsewhere\n',
                            '\n  maybe (weak)\n',
                            'Segment 0 of linking: code', 'stubs', 'read-only data', 'GOT', 'common symbols'))
    text = got.out.decode()
    native = readelf(c, '-sW', 'i.o')
    address = re.search(r'(\S+)\s+(\d+) FUNC\s+GLOBAL DEFAULT\s+\d+ main', native)
    row = re.search(r'(0x\S+)\s+(\d+) global\s+default\s+function\s+main, \.text', text)
    c.tap.check('cli_inspect_symbol_is_readelfs', address is not None and row is not None
                and (int(row[1], 16), int(row[2])) == (int(address[1], 16), int(address[2])), native + text)
    rows = re.findall(r'^  0x[0-9a-f]+  R_X86_64', text, re.MULTILINE)
    c.tap.check('cli_inspect_has_every_relocation',
                len(rows) == len(re.findall(r'R_X86_64_', readelf(c, '-rW', 'i.o'))),
                '%d\n%s' % (len(rows), readelf(c, '-rW', 'i.o')))
    check_layout(c, text)
    c.write('tls.c', '__thread int own = 1;\nstatic __thread int zero;\nextern __thread int far;\n'
                     'extern __thread int near __attribute__((tls_model("initial-exec")));\n'
                     'static int pick(void) { return 1; }\n'
                     'int (*choose(void))(void) { return pick; }\n'
                     'int chosen(void) __attribute__((ifunc("choose")));\n'
                     'int f(void) { return own + zero++ + far + near + chosen(); }\n')
    for dialect in ('gnu', 'gnu2'):
        c.build('gcc', '-O2', '-fPIC', '-mtls-dialect=' + dialect, '-c', 'tls.c', '-o', 'tls.o')
        c.expect('cli_inspect_thread_locals_' + dialect, ['inspect', 'tls.o'], 0,
                 out_has=(' tls ', ' tls-bss ', 'ifunc     chosen, .text', '\n  far (thread-local)\n',
                          '\n  near (thread-local)\n', 'GOT', 'thread-local'))
    c.write('a.c', 'int in_a(void) { return 1; }\nint also_a;\n')
    c.write('b.c', 'int in_b(void) { return 1; }\n')
    for name in 'ab':
        c.build('gcc', '-c', name + '.c', '-o', name + '.o')
    c.build('ar', 'rcs', 'both.a', 'a.o', 'b.o')
    c.expect('cli_inspect_archive', ['inspect', 'both.a'], 0,
             out_has=('both.a: static archive, 3 names', 'both.a(a.o)', '\n  in_a\n', '\n  also_a\n', 'both.a(b.o)',
                      '\n  in_b\n'))
    c.write('c.c', 'int in_a(void) { return 2; }\nint in_c;\n')
    c.build('gcc', '-c', 'c.c', '-o', 'c.o')
    c.build('ar', 'rcs', 'twice.a', 'a.o', 'c.o')
    text = c.call('inspect', 'twice.a').out.decode()
    c.tap.check('cli_inspect_archive_names_a_member_once',
                [part.split() for part in re.split(r'\n\n\S*[( ].*', text)[1:]] == [['in_a', 'also_a'], ['in_c'], ['in_a']]
                and text.endswith('\nDefined again by a later member, where nothing looks for them\n  in_a\n'), text)
    c.write('escape.s', '.globl "a\x1bb"\n"a\x1bb": ret\n')
    c.build('gcc', '-c', 'escape.s', '-o', 'escape.o')
    got = c.expect('cli_inspect_name_with_controls', ['inspect', 'escape.o'], 0, out_has=('a?b',))
    c.tap.check('cli_inspect_name_with_controls_are_replaced', b'\x1b' not in got.out)


def check_layout(c, text):
    """Every range lies in its segment, behind the one before it, and the sections have their sizes."""
    problems = []
    for size, ranges in re.findall(r'Segment \d+ of linking: [a-z -]+, (\d+) bytes.*\n.*\n((?:    0x.*\n)+)', text):
        end = 0
        for offset, length, name in re.findall(r'0x(\S+)\s+(\d+)  (.*)', ranges):
            if int(offset, 16) < end:
                problems.append('%s overlaps what is before it' % name)
            end = int(offset, 16) + int(length)
            row = re.search(r'^ +\d+  \w+ +(\d+) +\d+ +\d+  %s$' % re.escape(name), text, re.MULTILINE)
            if name.startswith('.') and (row is None or row[1] != length):
                problems.append('%s has %s bytes' % (name, length))
        if end > int(size):
            problems.append('a range ends at %d of %s' % (end, size))
    found = len(re.findall(r'^Segment ', text, re.MULTILINE))
    c.tap.check('cli_inspect_layout_is_consistent', not problems and found == 3,
                '\n'.join([str(found), *problems, text]))


def info(c):
    c.expect('cli_info', ['info'], 0, out_has=('OwnJIT         ', 'LLVM           ', 'x86_64', 'links for      x86-64',
                                               'memory mode    ', 'memory keys    ',
                                               'workers        '))
    mode = re.search(r'memory mode +(\w+)', c.call('info').out.decode())
    c.tap.check('cli_info_memory_mode', mode is not None and mode[1] in ('views', 'private'))
    for version in ('19', '22'):
        text = c.call('info', '--llvm=' + version).out.decode()
        found = re.search(r'^LLVM +%s\.\S+, (/\S+)$' % version, text, re.MULTILINE)
        c.tap.check('cli_info_llvm_%s_has_its_path' % version, found is not None and os.path.exists(found[1]), text)
    c.expect('cli_info_llvm_not_installed', ['info', '--llvm=18'], 0, out_has=('LLVM           none: ', '18'))
    c.expect_failure('cli_info_llvm_too_new', ['info', '--llvm=99'], '14 to 22')
    for command, argv in (('info', ['info']), ('help', ['--help']), ('run_help', ['run', '--help']),
                          ('version', ['--version'])):
        with open('/dev/full', 'wb') as full:
            done = subprocess.run([cli.OWNJIT, *argv], stdout=full, stderr=subprocess.DEVNULL, check=False)
        c.tap.check('cli_%s_to_full_device_fails' % command, done.returncode == cli.FAILED, str(done.returncode))


cli.main(help_and_version, compiles, inspects, info)
