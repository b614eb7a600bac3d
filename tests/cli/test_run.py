#!/usr/bin/python3
"""ownjit run: what runs, and what the program meets."""

import json
import os
import re
import signal
import subprocess

import cli

HELLO = '''#include <stdio.h>
int main(int argc, char **argv)
{
    printf("hello");
    for (int i = 0; i < argc; i++)
        printf(" [%s]", argv[i]);
    puts("");
    return 7;
}
'''
IR = 'define i32 @main() {\n  ret i32 %d\n}\n'


def input_kinds(c):
    c.write('hello.c', HELLO)
    c.build('clang-19', '-emit-llvm', '-c', 'hello.c', '-o', 'hello.bc')
    c.build('clang-19', '-emit-llvm', '-S', 'hello.c', '-o', 'hello.ll')
    c.build('gcc', '-c', 'hello.c', '-o', 'hello.o')
    for kind in ('c', 'bc', 'll', 'o'):
        c.expect('cli_run_%s_runs' % kind, ['run', 'hello.' + kind], 7, out='hello [hello.%s]\n' % kind)
    for kind, other in (('bc', 'named.c'), ('ll', 'named.o'), ('o', 'named.bc'), ('c', 'named.ll')):
        os.replace(c.path('hello.' + kind), c.path(other))
        c.expect('cli_run_%s_named_otherwise_runs' % kind, ['run', other, 'x'], 7, out='hello [%s] [x]\n' % other)


def streams(c):
    """What is read through a pipe cannot be read twice."""
    c.write('stream.c', HELLO)
    c.build('clang-19', '-emit-llvm', '-c', 'stream.c', '-o', 'stream.bc')
    c.build('gcc', '-c', 'stream.c', '-o', 'stream.o')
    for kind in ('c', 'bc', 'o'):
        c.expect('cli_run_%s_from_a_pipe_runs' % kind, ['run', '/dev/stdin', 'x'], 7, out='hello [/dev/stdin] [x]\n',
                 stdin=c.read('stream.' + kind))
        c.expect('cli_run_%s_from_standard_input_runs' % kind, ['run', '-', 'x'], 7, out='hello [-] [x]\n',
                 stdin=c.read('stream.' + kind))
    # A file of that name is not what is meant.
    c.write('-', 'no C')
    c.expect('cli_run_standard_input_beside_a_file_of_that_name', ['run', '-'], 7, out='hello [-]\n',
             stdin=c.read('stream.c'))
    c.expect_failure('cli_run_standard_input_empty', ['run', '-'], "'-' is empty")
    c.expect('cli_compile_standard_input', ['compile', '-', '-o', '-'], 0, out_has=('ELF',), stdin=c.read('stream.bc'))
    c.expect('cli_inspect_standard_input', ['inspect', '-'], 0, out_has=('-: relocatable object',),
             stdin=c.read('stream.o'))
    piped = subprocess.run(['sh', '-c', 'cat stream.c | "$0" compile /dev/stdin -o piped.o >&-', cli.OWNJIT],
                           cwd=c.folder, capture_output=True, check=False)
    c.tap.check('cli_compile_c_from_a_pipe_with_stdout_closed', piped.returncode == 0
                and c.read('piped.o').startswith(b'\x7fELF'), str(piped))
    os.makedirs(c.path('sub'))
    c.write('sub/beside.h', '#define STATUS 23\n')
    c.write('sub/includes.c', '#include "beside.h"\nint main(void) { return STATUS; }\n')
    c.expect('cli_run_c_includes_beside_it', ['run', 'sub/includes.c'], 23, out='')
    closed = subprocess.run(['sh', '-c', 'trap "" CHLD; exec "$0" run stream.c <&-', cli.OWNJIT], cwd=c.folder,
                            capture_output=True, check=False)
    c.tap.check('cli_run_c_with_stdin_closed_and_children_ignored', (closed.returncode, closed.stdout) == (
        7, b'hello [stream.c]\n'), str(closed))


def ir_by_content(c):
    starts = {'comment': '; any comment\n\n', 'source_filename': 'source_filename = "x"\n',
              'global': '@g = global i32 1\n',
              'type': '%t = type { i32 }\n', 'comdat': '$c = comdat any\n', 'metadata': '!named = !{}\n',
              'declare': 'declare void @f()\n', 'attributes': 'attributes #0 = { nounwind }\n',
              'triple': 'target triple = "x86_64-pc-linux-gnu"\n', 'asm': 'module asm ""\n', 'define': ''}
    for name, start in starts.items():
        c.write('ir', start + IR % 11)
        c.expect('cli_run_ir_that_begins_with_%s_runs' % name, ['run', 'ir'], 11, out='')
    c_starts = {'line_comment': '// define\n', 'block_comment': '/* @x */\n', 'blank': '\n\n \t\n',
                'digraph': '%:define X\n',
                'word_define': 'typedef int define;\n', 'word_target': 'static int target;\n'}
    for name, start in c_starts.items():
        c.write('source', start + 'int main(void) { return 12; }\n')
        c.expect('cli_run_c_that_begins_with_%s_runs' % name, ['run', 'source'], 12, out='')


def arguments(c):
    c.write('arguments.c', HELLO)
    c.build('gcc', '-c', 'arguments.c', '-o', 'arguments.o')
    c.expect('cli_run_passes_arguments', ['run', 'arguments.o', 'a', '', 'b c'], 7,
             out='hello [arguments.o] [a] [] [b c]\n')
    c.expect('cli_run_options_after_file_are_the_programs',
             ['run', '-O1', 'arguments.o', '--stats', '-O2', '--help', '--', 'x'],
             7, out='hello [arguments.o] [--stats] [-O2] [--help] [--] [x]\n')
    c.expect('cli_run_double_dash_ends_options', ['run', '--', 'arguments.o', '-x'], 7,
             out='hello [arguments.o] [-x]\n')
    c.expect('cli_run_option_values_apart', ['run', '-O', '1', '--entry', 'main', 'arguments.o'], 7,
             out='hello [arguments.o]\n')
    c.expect('cli_run_options_cut_short', ['run', '--entr=main', 'arguments.o'], 7, out='hello [arguments.o]\n')
    c.expect('cli_run_path_with_folder', ['run', './arguments.o'], 7, out='hello [./arguments.o]\n')


def exits(c):
    c.write('exits.c', '''
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void bye(void) { fputs("bye", stdout); }
int main(int argc, char **argv)
{
    printf("in ");
    atexit(bye);
    if (strcmp(argv[1], "exit") == 0)
        exit(atoi(argv[2]));
    if (strcmp(argv[1], "_exit") == 0)
        _exit(atoi(argv[2]));
    if (strcmp(argv[1], "abort") == 0)
        abort();
    if (strcmp(argv[1], "kill") == 0)
        raise(atoi(argv[2]));
    return argc > 2 ? atoi(argv[2]) : 0;
}
''')
    c.build('gcc', '-c', 'exits.c', '-o', 'exits.o')
    for status in (0, 1, 125, 255):
        c.expect('cli_run_returned_status_%d' % status, ['run', 'exits.o', 'return', str(status)], status, out='in bye')
        c.expect('cli_run_exit_status_%d' % status, ['run', 'exits.o', 'exit', str(status)], status, out='in bye')
    c.expect('cli_run_underscore_exit_runs_no_handler', ['run', 'exits.o', '_exit', '3'], 3, out='')
    c.expect('cli_run_abort_kills', ['run', 'exits.o', 'abort'], -signal.SIGABRT, out='')
    c.expect('cli_run_signal_kills', ['run', 'exits.o', 'kill', str(int(signal.SIGTERM))], -signal.SIGTERM, out='')


PROCESS = '''#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv, char **env)
{
    printf("errno %d optind %d opterr %d\\n", errno, optind, opterr);
    printf("name %s %s\\n", program_invocation_name, program_invocation_short_name);
    printf("environ %d %s\\n", env == environ, getenv("CLI_TEST"));
    printf("locale %s\\n", setlocale(LC_ALL, NULL));
    printf("argv ends %d\\n", argv[argc] == NULL);
    for (int s = 1; s < 65; s++) {
        struct sigaction action;
        if (sigaction(s, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("signal %d is not default\\n", s);
    }
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int s = 1; s < 65; s++)
        if (sigismember(&mask, s) == 1)
            printf("signal %d is blocked\\n", s);
    for (int fd = 0; fd < 1000; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("open %d\\n", fd);
    printf("child %d\\n", waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    char line[100];
    while (fgets(line, sizeof line, stdin))
        printf("read %s", line);
    int option;
    while ((option = getopt(argc, argv, "ab:")) != -1)
        printf("option %c %s\\n", option, optarg ? optarg : "");
    return 0;
}
'''


def process(c):
    """The same program natively and under ownjit sees the same process."""
    c.write('process.c', PROCESS)
    c.build('gcc', 'process.c', '-o', 'process')
    c.build('gcc', '-c', 'process.c', '-o', 'process.o')
    settings = {'cwd': c.folder, 'input': b'one\ntwo\n', 'stdout': subprocess.PIPE, 'check': False,
                'env': {**os.environ, 'CLI_TEST': 'set'}}
    # A sanitizer's handlers are the build's, not the tool's.
    is_kept = (lambda line: b'signal' not in line) if cli.has_sanitizer() else (lambda line: True)
    expected = subprocess.run(['folder/process.x', '-b', 'v'], executable=c.path('process'), **settings).stdout
    os.makedirs(c.path('folder'))
    for kind in ('c', 'o'):
        os.replace(c.path('process.' + kind), c.path('folder/process.x'))
        got = subprocess.run([cli.OWNJIT, 'run', '-O1', 'folder/process.x', '-b', 'v'], **settings).stdout
        c.tap.check('cli_run_process_of_%s_is_as_natively' % kind,
                    list(filter(is_kept, got.split(b'\n'))) == list(filter(is_kept, expected.split(b'\n'))),
                    'natively:\n%s\nownjit:\n%s' % (expected.decode(), got.decode()))


def pages(c):
    """While the program runs, no page is writable and executable, and its code lies in executable memory."""
    c.write('pages.c', '''
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int variable;
int main(void)
{
    char line[1000], rights[5];
    uintptr_t start, end;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, rights) != 3)
            return 1;
        if (rights[1] == 'w' && rights[2] == 'x')
            printf("writable and executable: %s", line);
        if ((uintptr_t)main >= start && (uintptr_t)main < end)
            printf("code %.3s\\n", rights);
        if ((uintptr_t)&variable >= start && (uintptr_t)&variable < end)
            printf("data %.3s\\n", rights);
    }
    return 0;
}
''')
    c.build('gcc', '-fPIC', '-c', 'pages.c', '-o', 'pages.o')
    for kind in ('c', 'o'):
        got = c.call('run', 'pages.' + kind)
        c.tap.check('cli_run_%s_keeps_pages_apart' % kind, got.status == 0 and
                    sorted(got.out.split(b'\n')) == [b'', b'code r-x', b'data rw-'], '%s %s' % (got.out, got.err))


def modules(c):
    c.write('m_main.c', 'int a(void); int b(void); int d(void);\nint main(void) { return a() + b() + d(); }\n')
    c.write('m_a.c', 'int a(void) { return 1; }\n')
    c.write('m_b.ll', 'define i32 @b() {\n  ret i32 2\n}\n')
    c.write('m_d.c', 'int d(void) { return 4; }\n')
    c.build('gcc', '-c', 'm_d.c', '-o', 'm_d.o')
    c.build('clang-19', '-emit-llvm', '-c', 'm_a.c', '-o', 'm_a.bc')
    c.expect('cli_run_modules_of_every_kind', ['run', '--module=m_a.c', '--module', 'm_b.ll', '--module=m_d.o',
                                               'm_main.c'], 7,
             out='')
    c.expect('cli_run_module_of_bitcode', ['run', '--module=m_a.bc', '--module=m_b.ll', '--module=m_d.c', 'm_main.c'],
             7, out='')
    c.expect('cli_run_main_in_a_module', ['run', '--module=m_main.c', '--module=m_a.c', '--module=m_d.o', 'm_b.ll'], 7,
             out='')


def archives(c):
    c.write('ar_main.c', 'int a(void);\nint main(void) { return a(); }\n')
    c.write('ar_a.c', 'int b(void);\nint a(void) { return b() + 1; }\n')
    c.write('ar_b.c', 'int b(void) { return 20; }\n')
    # Not needed, so not linked: it could not be.
    c.write('ar_bad.c', 'int missing(void);\nint unused(void) { return missing(); }\n')
    for name in ('a', 'b', 'bad', 'main'):
        c.build('gcc', '-c', 'ar_%s.c' % name, '-o', 'ar_%s.o' % name)
    c.build('ar', 'rcs', 'one.a', 'ar_bad.o', 'ar_a.o', 'ar_b.o')
    c.build('ar', 'rcs', 'first.a', 'ar_a.o')
    c.build('ar', 'rcs', 'second.a', 'ar_b.o')
    c.build('ar', 'rcs', 'whole.a', 'ar_main.o')
    c.build('ar', 'rcsT', 'thin.a', 'ar_a.o', 'ar_b.o')
    c.expect('cli_run_archive_links_what_is_needed', ['run', '--archive=one.a', 'ar_main.o'], 21, out='')
    c.expect('cli_run_archives_several', ['run', '--archive=first.a', '--archive=second.a', 'ar_main.o'], 21, out='')
    c.expect('cli_run_archives_in_any_order', ['run', '--archive=second.a', '--archive=first.a', 'ar_main.o'], 21,
             out='')
    c.expect('cli_run_archive_thin', ['run', '--archive=thin.a', 'ar_main.o'], 21, out='')
    c.expect('cli_run_main_in_an_archive', ['run', '--archive=whole.a', '--module=ar_b.o', 'ar_a.o'], 21, out='')


def libraries(c):
    c.write('lib.c', 'int from_library(void) { return 31; }\nint library_variable = 2;\n')
    c.build('gcc', '-shared', '-fPIC', 'lib.c', '-o', 'libcli.so')
    c.write('uses_lib.c', 'int from_library(void); extern int library_variable;\n'
                          'int main(void) { return from_library() + library_variable; }\n')
    c.expect('cli_run_load_by_path', ['run', '--load=./libcli.so', 'uses_lib.c'], 33, out='')
    c.expect('cli_run_load_by_name', ['run', '--load', 'libcli.so', 'uses_lib.c'], 33, out='',
             env={'LD_LIBRARY_PATH': c.folder})
    c.write('own_puts.c', 'int puts(const char *text) { return text[0] == 0; }\n'
                          'int main(void) { return puts("x") + 40; }\n')
    c.expect('cli_run_own_definition_wins_over_process', ['run', 'own_puts.c'], 40, out='')
    c.write('weak.c', '__attribute__((weak)) int nobody_has_it(void);\n'
                      'int main(void) { return nobody_has_it ? 1 : 41; }\n')
    c.expect('cli_run_weak_undefined_is_null', ['run', 'weak.c'], 41, out='')
    c.expect_failure('cli_run_own_names_are_not_the_programs', ['run', c.write(
        'tool_names.c', 'int oj_version(void); int json_object(void); int fail_usage(void);\n'
                        'int main(void) { return oj_version() + json_object() + fail_usage(); }\n')],
                     '3 undefined symbols', 'oj_version', 'json_object', 'fail_usage')


def entry(c):
    c.write('entry.c', 'int start(int argc, char **argv) { return argc + argv[1][0]; }\n')
    c.expect('cli_run_entry_is_called_like_main', ['run', '--entry=start', 'entry.c', '!'], 2 + ord('!'), out='')
    c.write('both.c', 'int start(void) { return 51; }\nint main(void) { return 52; }\n')
    c.expect('cli_run_entry_instead_of_main', ['run', '--entry', 'start', 'both.c'], 51, out='')


def compiling(c):
    """Which options change the code, seen from within the program."""
    c.write('feature.c', '''int main(void)
{
#if defined(__AVX2__) && defined(__OPTIMIZE__)
    return 3;
#elif defined(__AVX2__)
    return 2;
#elif defined(__OPTIMIZE__)
    return 1;
#else
    return 0;
#endif
}
''')
    for level in range(4):
        c.expect('cli_run_O%d' % level, ['run', '-O%d' % level, 'feature.c'], 1 if level > 0 else 0, out='')
    c.expect('cli_run_without_level', ['run', 'feature.c'], 0, out='')
    c.expect('cli_run_cpu_reaches_clang', ['run', '--cpu=x86-64-v3', 'feature.c'], 2, out='')
    c.expect('cli_run_features_reach_clang', ['run', '-O2', '--features=+avx,+avx2', 'feature.c'], 3, out='')
    c.expect('cli_run_passes', ['run', '--passes=function(mem2reg,instcombine)', 'feature.c'], 1, out='')
    for version in ('19', '22'):
        stats = 'llvm%s.json' % version
        c.expect('cli_run_llvm_%s' % version, ['run', '--llvm=' + version, '--stats-file=' + stats, 'feature.c'], 0,
                 out='')
        used = json.loads(c.read(stats))['llvm']
        c.tap.check('cli_run_llvm_%s_is_used' % version, used.startswith(version + '.'), used)


STATS_GROUPS = {
    'time_ns': {'read_files', 'load_llvm', 'clang', 'create_compiler', 'parse_ir', 'passes', 'codegen', 'read_objects',
                'resolve', 'layout', 'place', 'relocate', 'publish', 'until_start'},
    'bytes': {'objects', 'code', 'rodata', 'data', 'zero', 'handle'},
    'counts': {'modules', 'objects', 'sections', 'symbols', 'relocations', 'got_entries', 'stubs', 'veneers',
               'relaxed', 'direct'},
    'code_memory': {'mappings', 'reserved', 'mapped', 'used', 'lost'},
    'resident_bytes': {'at_start', 'compiled', 'compiler_gone', 'ready'},
    'heap_bytes': {'at_start', 'compiled', 'compiler_gone', 'ready', 'kept'},
}

STATS_PROGRAM = '''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
volatile char zero[1000000];
int values[1000] = {1};
static void bye(void) { fputs("handler\\n", stderr); }
int main(int argc, char **argv)
{
    atexit(bye);
    printf("out %d\\n", zero[argc] + values[0]);
    if (argc > 1 && strcmp(argv[1], "abort") == 0)
        abort();
    if (argc > 1 && strcmp(argv[1], "exit") == 0)
        exit(5);
    return 4;
}
'''


def stats(c):
    c.write('stats.c', STATS_PROGRAM)
    table = ('handler\n\nownjit: stats.c', 'load LLVM', 'generate code', 'relocate', 'GOT entries', 'stubs', 'mappings',
             'compiler gone', 'the program ran for')
    c.expect('cli_stats_after_return', ['run', '-O2', '--stats', 'stats.c'], 4, out='out 1\n', err_has=table)
    c.expect('cli_stats_after_exit', ['run', '--stats', 'stats.c', 'exit'], 5, out='out 1\n', err_has=table)
    c.expect('cli_stats_not_without_the_option', ['run', 'stats.c'], 4, out='out 1\n', err=b'handler\n')
    c.expect('cli_stats_file_when_the_program_crashes', ['run', '--stats-file=crash.json', 'stats.c', 'abort'],
             -signal.SIGABRT, err=None)
    c.expect('cli_stats_file_alone_prints_nothing', ['run', '-O2', '--stats-file=stats.json', 'stats.c'], 4,
             out='out 1\n',
             err=b'handler\n')
    for name in ('crash.json', 'stats.json'):
        check_stats(c, 'cli_stats_file_%s' % name.split('.')[0], json.loads(c.read(name)))
    c.expect('cli_stats_both', ['run', '--stats', '--stats-file=both.json', 'stats.c'], 4, out='out 1\n', err_has=table)
    c.tap.check('cli_stats_both_writes_file', json.loads(c.read('both.json'))['program'] == 'stats.c')
    c.build('gcc', '-c', 'stats.c', '-o', 'stats.o')
    c.expect('cli_stats_of_object', ['run', '--stats', '--stats-file=object.json', 'stats.o'], 4,
             err_has=('LLVM not used',))
    found = json.loads(c.read('object.json'))
    c.tap.check('cli_stats_of_object_has_no_llvm',
                found['llvm'] is None and found['time_ns']['load_llvm'] == 0 and found['time_ns']['codegen'] == 0,
                str(found))
    c.expect_failure('cli_stats_file_unwritable_before_the_program', ['run', '--stats-file=/nonexistent/x', 'stats.o'],
                     'cannot write', "'/nonexistent/x'", 'No such file or directory')
    c.expect_failure('cli_stats_file_on_full_device', ['run', '--stats-file=/dev/full', 'stats.o'], 'cannot write',
                     'No space left')


def check_stats(c, name, found):
    shape = {group: set(found.get(group, {})) for group in STATS_GROUPS}
    c.tap.check(name + '_is_complete', shape == STATS_GROUPS, str(found))
    time, size, count = found['time_ns'], found['bytes'], found['counts']
    resident, memory = found['resident_bytes'], found['code_memory']
    parts = sum(time[key] for key in time if key != 'until_start')
    problems = []
    for what, holds in (
            ('times add up', 0 < parts <= time['until_start']),
            ('clang and LLVM took time', min(time['clang'], time['load_llvm'], time['codegen']) > 0),
            ('code', 0 < size['code'] < 100000), ('zero', 1000000 <= size['zero'] < 1010000),
            ('data', 4000 <= size['data'] < 14000), ('one module', count['modules'] == 1 and count['objects'] == 1),
            ('counts', min(count['sections'], count['symbols'], count['relocations']) > 0),
            ('calls of the C library', count['got_entries'] > 0),
            ('mapped', memory['mapped'] >= memory['used'] >= size['code'] + size['data'] + size['zero']),
            ('mappings', memory['mappings'] > 0), ('mode', found['memory_mode'] in ('views', 'private')),
            ('LLVM is dropped', resident['compiler_gone'] < resident['compiled']),
            ('less is kept than compiling took', found['heap_bytes']['kept'] <= found['heap_bytes']['compiled']),
            ('start', 0 < resident['at_start'] < resident['compiled']),
                        ('heap', found['heap_bytes']['compiled'] > 0 or cli.has_sanitizer())):
        if not holds:
            problems.append(what)
    c.tap.check(name + '_is_plausible', not problems, '%s\n%s' % (problems, found))


def process_data(c):
    """Non-PIC objects refer to the C library's variables with 32-bit addresses."""
    with open(os.path.join(cli.SOURCE, 'tools', 'ownjit', 'process_data.c'), encoding='utf-8') as file:
        names = re.findall(r'^    X\((\w+)\)', file.read(), re.MULTILINE)
    lines = ['#include <dlfcn.h>', '#include <stdint.h>', '#include <stdio.h>', '#define _(x) #x']
    lines += ['extern char v_%s[] __asm__("%s");' % (name, name) for name in names]
    lines += ['static void look(const char *name, uint32_t low)', '{',
              '    void *found = dlsym(0, name);',
              '    puts((uintptr_t)found == low && low != 0 ? "one" : name);', '}',
              'int main(void)', '{']
    lines += ['    { uint32_t low; __asm__("movl $%s, %%0" : "=r"(low)); look("%s", low); }'
              % (name, name) for name in names]
    lines += ['    return 0;', '}']
    c.write('low.c', '\n'.join(lines) + '\n')
    c.build('gcc', '-O1', '-fno-pic', '-c', 'low.c', '-o', 'low.o')
    c.expect('cli_non_pic_data_is_low_and_shared', ['run', 'low.o'], 0, out='one\n' * len(names))
    relocations = subprocess.run(['readelf', '-rW', cli.OWNJIT], capture_output=True, text=True, check=True).stdout
    # Some names are aliases of one variable.
    c.tap.check('cli_process_data_is_copied', len(names) > 30 and relocations.count('R_X86_64_COPY') >= 28, relocations)
    c.write('nonpic.c', '''
#include <getopt.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv)
{
    int option, n = 0;
    fputs("to stdout ", stdout);
    fprintf(stderr, "to stderr\\n");
    while ((option = getopt(argc, argv, "a:")) != -1)
        printf("%c%s ", option, optarg);
    tzset();
    while (environ[n])
        n++;
    printf("%d %ld %d\\n", optind, timezone, n > 0);
    return fflush(stdout);
}
''')
    for model in ([], ['-mcmodel=medium'], ['-mcmodel=large']):
        for level in ('-O0', '-O2'):
            c.build('gcc', '-fno-pic', level, *model, '-c', 'nonpic.c', '-o', 'nonpic.o')
            c.expect('cli_non_pic_%s%s_runs' % (level[1:], ''.join(model).replace('-mcmodel=', '_')),
                     ['run', 'nonpic.o', '-a', '1', 'x'], 0, out='to stdout a1 3 -3600 1\n', err=b'to stderr\n',
                     env={'TZ': 'XXX-1'})


def adopted(c):
    """Variables that a program defines for the C library's sake."""
    c.write('argp.c', '''
#include <argp.h>
const char *argp_program_version = "its own 1.5";
error_t argp_err_exit_status_unused;
int argp_err_exit_status = 77;
static struct argp argp = {0};
int main(int argc, char **argv) { return argp_parse(&argp, argc, argv, 0, 0, 0); }
''')
    c.expect('cli_run_argp_version_is_the_programs', ['run', 'argp.c', '--version'], 0, out='its own 1.5\n')
    c.expect('cli_run_argp_exit_status_is_the_programs', ['run', 'argp.c', '--nonsense'], 77, out='', err=None)


FATAL = ('declare i32 @llvm.amdgcn.workitem.id.x()\ndefine i32 @main() {\n'
         '  %a = call i32 @llvm.amdgcn.workitem.id.x()\n  ret i32 %a\n}\n')
COUNTS_LLVM = '''
#include <stdio.h>
#include <string.h>
int main(void)
{
    char line[512];
    int n = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file))
        n += strstr(line, "libLLVM") != 0;
    printf("%d\\n", n > 0);
    return 7;
}
'''


def isolation(c):
    """What ends LLVM's process is a message; the program's process never has LLVM in it."""
    c.write('isolated.c', COUNTS_LLVM)
    c.expect('cli_run_isolated_has_no_llvm', ['run', '--isolate', 'isolated.c'], 7, out='0\n')
    c.expect('cli_run_not_isolated_has_llvm', ['run', 'isolated.c'], 7, out='1\n')
    c.expect('cli_run_isolated_optimised', ['run', '--isolate', '-O2', 'isolated.c'], 7, out='0\n')
    c.write('fatal.ll', FATAL)
    c.expect_failure('cli_run_isolated_llvm_aborts', ['run', '--isolate', 'fatal.ll'], 'fatal.ll', 'SIGABRT',
                     'code generation', 'Cannot select')
    c.write('wrong.ll', 'define i32 @main( {\n')
    c.expect_failure('cli_run_isolated_syntax_error', ['run', '--isolate', 'wrong.ll'], 'wrong.ll:')
    c.expect_failure('cli_run_isolated_worker_missing', ['run', '--isolate', 'isolated.c'], '/nonexistent/worker',
                     'OWNJIT_WORKER', env={'OWNJIT_WORKER': '/nonexistent/worker'})
    c.expect('cli_compile_isolated', ['compile', '--isolate', 'isolated.c', '-o', 'isolated.o'])
    c.expect('cli_run_object_compiled_isolated', ['run', 'isolated.o'], 7, out='0\n')
    c.expect('cli_run_isolated_worker_not_named', ['run', '--isolate', 'isolated.c'], 7, out='0\n',
             env={'OWNJIT_WORKER': ''})


def limits(c):
    """One function that takes seconds and more than its own 3 MiB."""
    c.write('large.ll', 'define i32 @main(i32 %v0) {\n'
            + ''.join(' %%v%d = mul i32 %%v%d, %%v%d\n' % (i, i - 1, i // 2) for i in range(1, 100000))
            + ' ret i32 %v99999\n}\n')
    c.expect_failure('cli_run_deadline', ['run', '--deadline=100', 'large.ll'], 'large.ll: not compiled before the',
                     'deadline_ms is 100 ms', '--deadline=MS')
    c.expect_failure('cli_run_memory', ['run', '--memory=1', 'large.ll'],
                     'large.ll: more memory was needed than the limit of 1048576 bytes', '--memory=MIB')
    c.expect('cli_run_within_limits', ['run', '--deadline=60000', '--memory=2048', 'isolated.c'], 7, out='0\n')
    for name, text in (('deadline', '0'), ('deadline', '4294967295'), ('deadline', '-1'), ('deadline', '1s'),
                       ('deadline', 'soon'), ('deadline', '99999999999999999999'), ('memory', ''), ('memory', '0x10'), ('memory', '16777217')):
        c.expect_failure('cli_run_%s_is_no_number_%s' % (name, text or 'empty'),
                         ['run', '--%s=%s' % (name, text), 'isolated.c'], '--%s=%s is not a number' % (name, text))


cli.main(input_kinds, streams, ir_by_content, arguments, exits, process, pages, modules, archives, libraries, entry,
         compiling, stats, process_data, adopted, isolation, limits)
