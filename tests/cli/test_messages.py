#!/usr/bin/python3
"""Every way to use ownjit wrongly, and every kind of bad input: status 125, and one message that says what to do."""

import os
import shutil
import struct
import subprocess

import cli

MAIN = 'int main(void) { return 0; }\n'


def usage(c):
    c.write('good.c', MAIN)
    c.write('more.c', 'int more;\n')
    c.write('archive.a', '!<arch>\n')
    for name, argv, parts in (
            ('no_command', [], ('no command', 'ownjit --help')),
            ('unknown_command', ['frobnicate'], ("'frobnicate' is not a command", 'run, compile, link, inspect, info')),
            ('file_without_command', ['good.c'], ("'good.c' is not a command", 'ownjit run good.c')),
            ('unknown_option_before_command', ['--frobnicate'], ("unknown option '--frobnicate'",)),
            ('run_without_file', ['run'], ('no FILE to run', 'ownjit run --help')),
            ('run_unknown_option', ['run', '--frobnicate', 'good.c'],
             ("unknown option '--frobnicate'", 'ownjit run --help')),
            ('run_unknown_option_with_value', ['run', '--frobnicate=1', 'good.c'], ("unknown option '--frobnicate'",)),
            ('run_unknown_letter', ['run', '-Z', 'good.c'], ("unknown option '-Z'",)),
            ('run_unknown_letters', ['run', '--stats', '-Zx', 'good.c'], ("unknown option '-Zx'",)),
            ('run_ambiguous_option', ['run', '--sta', 'good.c', ], ()),
            ('run_value_missing', ['run', '--module'], ("option '--module' needs a value", '--module=FILE')),
            ('run_level_missing', ['run', '-O'], ("option '-O' needs a value",)),
            ('run_value_not_taken', ['run', '--stats=yes', 'good.c'], ("option '--stats' takes no value",)),
            ('run_level_too_high', ['run', '-O4', 'good.c'], ('-O4 is not a level', '0, 1, 2 or 3')),
            ('run_level_no_number', ['run', '-Os', 'good.c'], ('-Os is not a level',)),
            ('run_level_too_long', ['run', '-O22', 'good.c'], ('-O22 is not a level',)),
            ('run_llvm_too_old', ['run', '--llvm=13', 'good.c'], ('--llvm=13 is not a version from 14 to 22',)),
            ('run_level_no_digit', ['run', '-O+', 'good.c'], ('-O+ is not a level',)),
            ('run_llvm_more_than_a_number', ['run', '--llvm=19x', 'good.c'], ('--llvm=19x is not a version',)),
            ('run_llvm_beyond_numbers', ['run', '--llvm=99999999999999999999', 'good.c'], ('is not a version',)),
            ('run_entry_empty', ['run', '--entry=', 'good.c'], ('--entry= names no function',)),
            ('run_load_empty', ['run', '--load=', 'good.c'], ('--load= names no library',)),
            ('run_perf_is_none', ['run', '--perf=report', 'good.c'], ('--perf=report is neither map nor dump',)),
            ('run_llvm_no_number', ['run', '--llvm=new', 'good.c'], ('--llvm=new is not a version',)),
            ('run_llvm_not_installed', ['run', '--llvm=18', 'good.c'], ('LLVM', '18', 'libllvm18')),
            ('compile_without_file', ['compile', '-o', 'x.o'], ('no FILE to compile', 'ownjit compile --help')),
            ('compile_without_output', ['compile', 'good.c'], ('no file to write to', '-o OUT.o')),
            ('compile_output_missing', ['compile', 'good.c', '-o'], ("option '-o' needs a value",)),
            ('compile_output_is_input', ['compile', 'good.c', '-o', './good.c'], ("-o would overwrite 'good.c'",)),
            ('run_stats_file_is_program', ['run', '--stats-file=good.c', 'good.c'],
             ("--stats-file would overwrite 'good.c'",)),
            ('run_stats_file_is_module', ['run', '--stats-file=more.c', '--module=more.c', 'good.c'],
             ("--stats-file would overwrite 'more.c'",)),
            ('run_stats_file_is_archive', ['run', '--stats-file=archive.a', '--archive=archive.a', 'good.c'],
             ("--stats-file would overwrite 'archive.a'",)),
            ('run_stats_file_is_library', ['run', '--stats-file=archive.a', '--load=./archive.a', 'good.c'],
             ("--stats-file would overwrite './archive.a'",)),
            ('compile_two_files', ['compile', 'good.c', 'more.c', '-o', 'x.o'], ('one FILE at a time', "'more.c'")),
            ('compile_unknown_option', ['compile', '--stats', 'good.c'], ("unknown option '--stats'",)),
            ('compile_code_model', ['compile', '--code-model=huge', 'good.c'],
             ('--code-model=huge', 'small, medium, large')),
            ('compile_relocation_model', ['compile', '--relocation-model=x', 'good.c'],
             ('--relocation-model=x', 'pic, static')),
            ('inspect_without_file', ['inspect'], ('no FILE to inspect',)),
            ('inspect_two_files', ['inspect', 'a', 'b'], ('one FILE at a time', "'b'")),
            ('inspect_unknown_option', ['inspect', '--frobnicate'], ("unknown option '--frobnicate'",)),
            ('info_argument', ['info', 'x'], ("'x' is one argument too many",)),
            ('info_unknown_option', ['info', '--frobnicate'], ("unknown option '--frobnicate'",))):
        if name == 'run_ambiguous_option':
            # An option's whole name is that option, although another begins with it.
            c.expect('cli_usage_whole_name_is_not_ambiguous', ['run', '--stats', 'good.c'], 0, err_has=('time',))
            parts = ("option '--sta' may mean several",)
        c.expect_failure('cli_usage_' + name, argv, *parts)


def files(c):
    c.write('good.c', MAIN)
    c.build('gcc', '-c', 'good.c', '-o', 'good.o')
    c.write('empty', '')
    c.write('random', bytes(range(256)) * 4)
    c.write('script', '#!/bin/sh\necho no\n')
    c.write('library.c', 'int f(void) { return 0; }\n')
    c.build('gcc', '-shared', '-fPIC', 'library.c', '-o', 'library.so')
    c.build('gcc', '-no-pie', 'good.c', '-o', 'program')
    c.build('ar', 'rcs', 'archive.a', 'good.o')
    c.build('clang-19', '-emit-llvm', '-c', 'good.c', '-o', 'good.bc')
    os.symlink('loop', c.path('loop'))
    for command, more in (('run', ()), ('inspect', ()), ('compile', ('-o', 'x.o'))):
        for name, file, parts in (
                ('not_found', 'missing', ("cannot open 'missing'", 'No such file or directory')),
                ('directory', '.', ("'.' is a directory",)),
                ('unreadable', 'loop', ("cannot open 'loop'", 'symbolic links')),
                ('read_fails', '/proc/self/mem', ("cannot read '/proc/self/mem'", 'Input/output error')),
                ('empty', 'empty', ("'empty' is empty",)),
                ('random_bytes', 'random', ("'random' is neither bitcode",)),
                ('script', 'script', ("'script' is neither bitcode",))):
            c.expect_failure('cli_%s_%s' % (command, name), [command, file, *more], *parts)
    if os.geteuid() != 0:
        os.chmod(c.path('good.c'), 0)
        c.expect_failure('cli_run_no_permission', ['run', 'good.c'], "cannot open 'good.c'", 'Permission denied')
        os.chmod(c.path('good.c'), 0o644)
    for name, argv, parts in (
            ('run_shared_library', ['run', 'library.so'], ("'library.so'", 'shared library', '--load')),
            ('run_finished_program', ['run', 'program'], ("'program'", 'finished program')),
            ('run_archive', ['run', 'archive.a'], ("'archive.a' is an archive", '--archive=archive.a')),
            ('run_module_archive', ['run', '--module=archive.a', 'good.o'], ("'archive.a' is an archive",)),
            ('run_module_not_found', ['run', '--module=missing', 'good.o'], ("cannot open 'missing'",)),
            ('run_archive_not_found', ['run', '--archive=missing.a', 'good.o'], ("cannot open 'missing.a'",)),
            ('run_archive_is_none', ['run', '--archive=good.o', 'good.o'], ('good.o', 'archive')),
            ('run_load_not_found', ['run', '--load=./missing.so', 'good.o'],
             ("cannot load library './missing.so'", 'missing.so')),
            ('run_load_is_here', ['run', '--load=library.so', 'good.o'],
             ("cannot load library 'library.so'", '--load=./library.so')),
            ('run_load_is_none', ['run', '--load=./good.o', 'good.o'], ("cannot load library './good.o'",)),
            ('compile_object', ['compile', 'good.o', '-o', 'x.o'], ("'good.o'", 'nothing to compile')),
            ('compile_archive', ['compile', 'archive.a', '-o', 'x.o'], ("'archive.a'", 'nothing to compile')),
            ('compile_output_folder_missing', ['compile', 'good.bc', '-o', 'missing/x.o'],
             ("cannot write 'missing/x.o'", 'No such file')),
            ('compile_output_is_directory', ['compile', 'good.bc', '-o', '.'], ("cannot write '.'", 'directory')),
            ('compile_output_full', ['compile', 'good.bc', '-o', '/dev/full'],
             ("cannot write '/dev/full'", 'No space left')),
            ('inspect_bitcode', ['inspect', 'good.bc'], ("'good.bc' is bitcode", 'ownjit compile good.bc')),
            ('inspect_c', ['inspect', 'good.c'], ("'good.c' is C source", 'ownjit compile good.c'))):
        c.expect_failure('cli_' + name, argv, *parts)
    c.tap.check('cli_compile_failure_leaves_no_file', not os.path.exists(c.path('x.o')))


def patched(data, offset, value):
    return data[:offset] + value + data[offset + len(value):]


def objects(c):
    c.write('o.c', 'int puts(const char *);\nint main(void) { return puts("x"); }\n')
    c.build('gcc', '-c', 'o.c', '-o', 'o.o')
    data = c.read('o.o')
    c.write('machine.o', patched(data, 18, struct.pack('<H', 22)))
    c.write('class.o', patched(data, 4, b'\1'))
    c.write('order.o', patched(data, 5, b'\2'))
    c.write('cut.o', data[:len(data) // 2])
    c.write('header.o', data[:40])
    c.write('type.o', patched(data, 16, struct.pack('<H', 4)))
    c.write('sections.o', patched(data, 60, struct.pack('<H', 60000)))
    c.write('bad.s', '.data\n.globl x\nx:\n .long 0\n.text\n.globl main\nmain:\n nop\n .reloc 1, R_X86_64_COPY, other\n'
                     ' .long 0\n')
    c.write('fragment.s', '.section .init, "ax", @progbits\nnop\n')
    c.write('reloc.s', '.text\n.globl main\nmain:\n nop\n .reloc 1, R_X86_64_COPY, other\n .long 0\n')
    for name in ('bad.s', 'fragment.s', 'reloc.s'):
        c.build('gcc', '-c', name, '-o', name.split('.')[0] + '.o')
    for name, parts in (
            ('machine', ('s390x',)), ('class', ('32-bit',)), ('order', ('version',)), ('cut', ('outside',)),
            ('header', ()), ('type', ('relocatable',)), ('sections', ()),
            ('fragment', ('constructor', 'not supported')), ('reloc', ('R_X86_64_COPY', '.text', '0x1'))):
        for command in ('run', 'inspect'):
            c.expect_failure('cli_%s_object_%s' % (command, name), [command, name + '.o'], name + '.o', *parts)
    c.build('ar', 'rcs', 'bad.a', 'bad.o')
    c.expect_failure('cli_run_archive_with_bad_member', ['run', '--archive=bad.a', c.write(
        'needs_x.c', 'extern int x;\nint main(void) { return x; }\n')], 'bad.a', 'bad.o', 'R_X86_64_COPY')
    c.expect_failure('cli_run_main_in_bad_member', ['run', '--archive=bad.a', c.write('empty_unit.c', 'int unit;\n')],
                     'bad.a', 'bad.o', 'R_X86_64_COPY')
    c.write('names.s', '.text\n.globl a,b,c\na:b:c:\n nop\n .reloc 1, R_X86_64_COPY, other\n .long 0\n')
    c.build('gcc', '-c', 'names.s', '-o', 'names.o')
    c.build('ar', 'rcs', 'names.a', 'names.o', 'o.o')
    c.expect('cli_inspect_archive_tells_of_a_bad_member_once', ['inspect', 'names.a'], cli.FAILED,
             out_has=('\n  main\n',), err=b"ownjit: names.a(names.o): section .text, offset 0x1: R_X86_64_COPY to 'other' "
             b'is for the dynamic linker, and has no place in a relocatable object\n')
    c.write('cut.a', c.read('bad.a')[:100])
    c.expect_failure('cli_run_archive_cut', ['run', '--archive=cut.a', 'o.o'], 'cut.a')
    c.write('members.a', b'!<arch>\n' + b'x' * 70)
    c.expect_failure('cli_inspect_archive_without_members', ['inspect', 'members.a'], 'members.a', "no member's header")
    c.write('both.s', '.section .tdata,"awT"\n.globl v\nv: .long 1\n.text\ncall v\n')
    c.build('gcc', '-c', 'both.s', '-o', 'both.o')
    got = c.call('inspect', 'both.o')
    c.tap.check('cli_inspect_object_without_layout', got.status == cli.FAILED and b'sections' in got.out.lower()
                and b"'v' is thread-local in both.o and is not in both.o" in got.err, repr(got))


def symbols(c):
    c.write('good.c', MAIN)
    c.write('u1.c', 'int foo(void); int bar(int); extern int baz;\n'
                    'int main(void) { return foo() + bar(1) + bar(2) + baz; }\n')
    c.write('u2.c', 'int foo(void); int only_here(void);\nint other(void) { return foo() + only_here(); }\n')
    c.write('no_main.c', 'int f(void) { return 0; }\n')
    c.write('data_main.c', 'int start[4] = {1};\n')
    c.write('static_main.c', 'static int f(void) { return 0; }\nint g(void) { return f(); }\n')
    c.write('common_main.c', 'int start[4];\n')
    c.build('gcc', '-fcommon', '-c', 'common_main.c', '-o', 'common_main.o')
    c.build('gcc', '-c', 'u1.c', '-o', 'u1.o')
    c.build('gcc', '-c', 'u2.c', '-o', 'u2.o')
    got = c.expect_failure('cli_run_undefined_all_listed', ['run', '--module=u2.o', 'u1.o'], '4 undefined symbols:',
                           'foo  referred to by u1.o, section .text+0xa (2 references in all)',
                           'bar  referred to by u1.o, section .text+0x16 (2 references in all)',
                           'baz  referred to by u1.o', 'only_here  referred to by u2.o', '--module', '--archive',
                           '--load')
    lines = got.err.decode().split('\n')
    c.tap.check('cli_run_undefined_one_line_each', sum(line.startswith('  ') for line in lines) == 4, got.err.decode())
    c.expect_failure('cli_run_undefined_one', ['run', c.write('u3.ll', 'declare void @gone()\ndefine i32 @main() {\n'
                                                              '  call void @gone()\n  ret i32 0\n}\n')],
                     '1 undefined symbol:', 'gone  referred to by u3.ll')
    many = ''.join('int f%d(void);\n' % i for i in range(500))
    c.write('many.c', many + 'int main(void) { return %s; }\n' % ' + '.join('f%d()' % i for i in range(500)))
    c.expect_failure('cli_run_undefined_many', ['run', 'many.c'], '500 undefined symbols:',
                     *['\n  f%d  ' % i for i in range(500)])
    c.expect_failure('cli_run_ifunc_that_chooses_none', ['run', c.write('chooses_none.c', (
        'static void *choose(void) { return 0; }\nint chosen(void) __attribute__((ifunc("choose")));\n'
        'int main(void) { return chosen(); }\n'))], "'chosen' chooses no function", 'chooses_none.c')
    c.expect_failure('cli_run_duplicate', ['run', '--module=twice.c', c.write('twice.c', MAIN)], "'main'", 'twice.c',
                     'static')
    c.expect_failure('cli_run_duplicate_names_both', ['run', '--module=good.c', 'twice.c'], "'main'", 'twice.c',
                     'good.c')
    for name, argv, parts in (
            ('no_main', ['run', 'no_main.c'], ("no function 'main' in 'no_main.c'", '--entry=NAME', '--module')),
            ('no_main_in_modules', ['run', '--module=u2.o', 'no_main.c'],
             ("no function 'main' in 'no_main.c' and its modules",)),
            ('no_entry', ['run', '--entry=go', 'good.c'], ("no function 'go' in 'good.c'",)),
            ('entry_is_data', ['run', '--entry=start', 'data_main.c'], ("'start' is a variable",)),
            ('entry_is_common', ['run', '--entry=start', 'common_main.o'], ("'start' is a variable",)),
            ('entry_is_static', ['run', '--entry=f', 'static_main.c'], ("'f' in 'static_main.c' is static",)),
            ('entry_is_of_the_process', ['run', '--entry=exit', 'no_main.c'], ("no function 'exit'",))):
        c.expect_failure('cli_run_' + name, argv, *parts)
    # A name with a newline must not look like a message of its own.
    c.write('line.ll', 'declare void @"a\\0Aownjit: b"()\ndefine i32 @main() {\n'
                       '  call void @"a\\0Aownjit: b"()\n  ret i32 0\n}\n')
    c.expect_failure('cli_run_undefined_with_newline', ['run', 'line.ll'], '\n  a?ownjit: b  referred to by line.ll')
    c.expect_failure('cli_run_file_with_newline', ['run', 'no\nownjit: file.c'], "cannot open 'no?ownjit: file.c'")
    c.expect_failure('cli_run_entry_with_newline', ['run', '--entry=a\nownjit: b', 'good.c'], "'a?ownjit: b'")
    c.expect_failure('cli_run_file_with_long_controls', ['run', 'a\u009b31m\u00e9'], "cannot open 'a?31m\u00e9'")
    # Escape sequences of a name must not reach the terminal.
    c.write('escape.ll', 'declare void @"a\\1B[31mb"()\ndefine i32 @main() {\n'
                         '  call void @"a\\1B[31mb"()\n  ret i32 0\n}\n')
    got = c.expect_failure('cli_run_undefined_with_controls', ['run', 'escape.ll'], 'a?[31mb')
    c.tap.check('cli_run_undefined_with_controls_are_replaced', b'\x1b' not in got.err, repr(got.err))


def compiler(c):
    c.write('good.c', MAIN)
    c.write('good.ll', 'define i32 @main() {\n  ret i32 0\n}\n')
    c.write('type.ll', 'define i32 @main() {\n  ret i64 0\n}\n')
    c.write('name.ll', 'define i32 @main() {\n  %x = add i32 1, 2\n  ret i32 %y\n}\n')
    c.write('verify.ll', 'define i32 @main() {\na:\n  br label %b\nb:\n  %x = phi i32 [ 1, %b ]\n  ret i32 %x\n}\n')
    c.write('asm.ll', 'define i32 @main() {\n  %r = call i32 asm "frobnicate %eax", "=r"()\n  ret i32 %r\n}\n')
    c.write('other.ll', 'target triple = "aarch64-unknown-linux-gnu"\ndefine i32 @main() {\n  ret i32 0\n}\n')
    c.build('clang-19', '-emit-llvm', '-c', 'good.c', '-o', 'whole.bc')
    c.write('cut.bc', c.read('whole.bc')[:800])
    c.write('magic.bc', b'BC\xc0\xde' + bytes(range(200)))
    for version in ('19', '22'):
        llvm = '--llvm=' + version
        for name, argv, parts in (
                ('ir_type', ['type.ll'], ('type.ll:2:', 'i32')), ('ir_name', ['name.ll'], ('name.ll:3:', '%y')),
                ('ir_verify', ['verify.ll'], ('verify.ll', 'PHI')),
                                  ('ir_asm', ['asm.ll'], ('asm.ll', 'invalid instruction')),
                ('ir_for_another_target', ['other.ll'], ('other.ll', 'aarch64', 'x86_64')),
                ('bitcode_cut', ['cut.bc'], ('cut.bc',)), ('bitcode_magic_only', ['magic.bc'], ('magic.bc',)),
                ('passes_unknown', ['--passes=frobnicate', 'good.ll'], ('frobnicate', '--passes=')),
                ('passes_malformed', ['--passes=function(mem2reg', 'good.ll'], ('function(mem2reg', '--passes=')),
                ('cpu_unknown', ['--cpu=frobnicate', 'good.ll'], ('frobnicate',)),
                ('cpu_unknown_for_c', ['--cpu=frobnicate', 'good.c'], ('frobnicate',)),
                ('feature_unknown', ['--features=+frobnicate', 'good.ll'], ('frobnicate',))):
            c.expect_failure('cli_run_llvm%s_%s' % (version, name), ['run', llvm, *argv], *parts)
        c.expect_failure('cli_compile_llvm%s_triple_unknown' % version,
                         ['compile', llvm, '--triple=frobnicate', 'good.ll', '-o', 'x.o'], 'frobnicate')
    c.tap.check('cli_compile_of_bad_input_leaves_no_file', not os.path.exists(c.path('x.o')))


def clang(c):
    c.write('error.c', 'int main(void) { return oops; }\n')
    c.write('text', 'This is no program.\n')
    c.write('good.c', MAIN)
    c.write('warns.c', '#warning take care\n' + MAIN)
    c.expect_failure('cli_run_c_with_error', ['run', 'error.c'], 'error.c:1:25: error:',
                     "ownjit: 'error.c' was taken for C source",
                     own_lines_only=False)
    c.expect_failure('cli_run_text_that_is_no_c', ['run', 'text'], "'text' was taken for C source",
                     own_lines_only=False)
    c.expect_failure('cli_run_c_without_clang', ['run', 'good.c'], "'good.c' is C source", 'no clang was found',
                     'apt install clang',
                     env={'PATH': c.folder})
    c.expect_failure('cli_run_c_for_more_features_than_fit', ['run', '--features=' + ','.join(['+sse2'] * 300), 'good.c'],
                     "the options for compiling 'good.c' are too long")
    c.expect('cli_run_clang_warnings_are_shown', ['run', 'warns.c'], 0, err_has=('take care',), err_lacks=('ownjit:',))
    os.makedirs(c.path('bin'))
    c.write('bin/clang', '#!/bin/sh\nkill -9 $$\n')
    os.chmod(c.path('bin/clang'), 0o755)
    c.expect_failure('cli_run_clang_killed', ['run', 'good.c'], 'clang ended by signal 9', 'good.c',
                     env={'PATH': c.path('bin')})
    c.write('bin/clang', '#!/bin/sh\nexit 0\n')
    c.expect_failure('cli_run_clang_gives_nothing', ['run', 'good.c'], 'good.c', env={'PATH': c.path('bin')})
    c.write('-dash.c', MAIN)
    c.expect('cli_run_c_named_like_an_option', ['run', '--', '-dash.c'], 0, out='')


def clang_elsewhere(c):
    """What is in the way in one folder of PATH does not hide the clang of another."""
    c.write('good.c', MAIN)
    for folder in ('mode', 'real'):
        os.makedirs(c.path(folder))
    c.write('mode/clang-22', '#!/bin/sh\n')
    os.chmod(c.path('mode/clang-22'), 0o644)
    os.symlink(shutil.which('clang-19'), c.path('real/clang-19'))
    c.write('file', '')
    for name, folders in (('not_executable', ('mode', 'real')), ('no_folder', ('real', 'file'))):
        c.expect('cli_run_clang_behind_one_%s' % name, ['run', 'good.c'], 0, out='',
                 env={'PATH': ':'.join(map(c.path, folders))})
    c.expect_failure('cli_run_c_with_no_clang_but_a_bad_one', ['run', 'good.c'], 'no clang was found',
                     env={'PATH': c.path('mode')})


def full_output(c):
    """What cannot be printed is told, wherever the printing stops."""
    c.write('many.s', ''.join('.globl name%d\nname%d: nop\n' % (i, i) for i in range(2000)))
    c.build('gcc', '-c', 'many.s', '-o', 'many.o')
    for name, argv in (('help', ['--help']), ('version', ['--version']), ('run_help', ['run', '--help']),
                       ('info', ['info']), ('inspect', ['inspect', 'many.o'])):
        for to, redirection, part in (('full', '>/dev/full', b'No space left'), ('closed', '>&-', b'')):
            done = subprocess.run(['sh', '-c', 'exec "$0" "$@" ' + redirection, cli.OWNJIT, *argv], cwd=c.folder,
                                  capture_output=True, check=False)
            c.tap.check('cli_%s_to_%s_output_fails' % (name, to), done.returncode == cli.FAILED
                        and done.stderr.startswith(b'ownjit: cannot write to standard output')
                        and done.stderr.count(b'\n') == 1 and (part in done.stderr or name == 'inspect'), str(done))
    done = subprocess.run(['sh', '-c', 'ulimit -f 1; exec "$0" compile good.c -o small.o', cli.OWNJIT], cwd=c.folder,
                          capture_output=True, check=False)
    c.tap.check('cli_compile_beyond_the_limit_of_files', done.returncode == cli.FAILED
                and b"cannot write 'small.o': File too large" in done.stderr
                and not os.path.exists(c.path('small.o')), str(done))


def memory(c):
    """No memory of ours: the object needs more address space than there is. LLVM is not involved."""
    c.write('big.c', 'char big[1000000000];\nint main(int argc, char **argv) { return big[argc]; }\n')
    c.build('gcc', '-c', '-mcmodel=large', 'big.c', '-o', 'big.o')
    if cli.has_sanitizer():
        c.tap.skip('cli_run_no_memory', 'a sanitizer needs the address space')
        return
    c.tap.check('cli_run_big_data_runs', c.call('run', 'big.o').status == 0)
    wrapped = os.path.join(c.folder, 'limited')
    c.write('limited', '#!/bin/sh\nulimit -v 300000\nexec "%s" "$@"\n' % cli.OWNJIT)
    os.chmod(wrapped, 0o755)
    real, cli.OWNJIT = cli.OWNJIT, wrapped
    try:
        c.expect_failure('cli_run_no_memory', ['run', 'big.o'], 'memory')
    finally:
        cli.OWNJIT = real


cli.main(usage, files, objects, symbols, compiler, clang, clang_elsewhere, full_output, memory)
