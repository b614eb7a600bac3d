#!/usr/bin/python3
"""Each call of the heap and of the system that `ownjit` itself makes fails in turn, until it gets through: a message
and the status of a failure each time, and never a signal. LLVM's and libc's own calls are let through."""

import errno
import os

import cli

SHIM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(cli.OWNJIT))), 'tests', 'fail_nth.so')
PROGRAM = 'int puts(const char *); int main(void) { puts("ran"); return 5; }\n'
IR = 'define i32 @main() {\n  ret i32 5\n}\n'


def problem_of(got, call, expected):
    """What is wrong with one run; None where it is as it should be. A program whose call failed may have run all the
    same, or have begun to: a failure after that is told by the message alone."""
    message = got.err.decode(errors='replace')
    if call is None and got.status != expected:
        return 'nothing failed, and the status is %s: %s' % (got.status, message)
    if call is not None and got.status not in (expected, cli.FAILED):
        return 'status %s: %s' % (got.status, message)
    if call is not None and got.status == cli.FAILED and 'ownjit: ' not in message:
        return 'no message: %s' % message
    return None


def fail_each(c, name, argv, expected, reason, only=None, stdin=b''):
    """One test: all failures of one command, or those of one call."""
    at = n_refused = 0
    while at < 2000:
        if os.path.exists(c.path('report')):
            os.unlink(c.path('report'))
        got = c.call(*argv, stdin=stdin, env={
            'LD_PRELOAD': SHIM, 'OJT_FAIL_AT': str(at), 'OJT_FAIL_ERRNO': str(reason),
            'OJT_FAIL_REPORT': c.path('report'), **({'OJT_FAIL_CALL': only} if only else {})})
        call = c.read('report').rstrip(b'\0').decode() or None if os.path.exists(c.path('report')) else None
        problem = problem_of(got, call, expected)
        if problem or call is None:
            break
        n_refused += got.status != expected
        at += 1
    if not problem and (n_refused == 0 if only else at < 5 or n_refused < 3):
        problem = 'only %d calls failed, %d runs ended for it' % (at, n_refused)
    print('# %s: %d failure points, %d refused' % (name, at, n_refused))
    c.tap.check(name, not problem, '$ ownjit %s, call %d, %s: %s' % (' '.join(argv), at, call, problem))


def named(c):
    """Calls that come seldom, or late."""
    if cli.has_sanitizer():
        return
    source = '/* read from a pipe */\n' + PROGRAM
    c.write('a.c', PROGRAM)
    c.build('gcc', '-c', '-O1', '-fPIC', 'a.c', '-o', 'a.o')
    c.write('b.c', 'int data[2] = {1, 2};\nint f(void) { return data[0]; }\n')
    c.build('gcc', '-c', '-O1', 'b.c', '-o', 'b.o')
    for call, reason in (('pipe2', errno.EMFILE), ('open_memstream', errno.ENOMEM), ('waitpid', errno.ECHILD),
                         ('posix_spawn', errno.ENOMEM), ('memfd_create', errno.EMFILE), ('write', errno.ENOSPC),
                         ('argp_parse', errno.ENOMEM)):
        fail_each(c, 'cli_compile_source_' + call, ['compile', '/dev/stdin', '-o', 'out.o'], 0, reason, call,
                  source.encode())
    image = ['link', 'b.o', '--base=0x100000', '--data=0x110000', '-o', '-', '--map=out.map']
    for call, reason in (('write', errno.ENOSPC), ('close', errno.EIO), ('fclose', errno.ENOMEM),
                         ('open_memstream', errno.ENOMEM), ('posix_memalign', errno.ENOMEM)):
        fail_each(c, 'cli_link_' + call, image, 0, reason, call)
    fail_each(c, 'cli_link_strndup', [*image, '--defsym=name=0x1'], 0, errno.ENOMEM, 'strndup')
    fail_each(c, 'cli_run_stats_file_malloc', ['run', '--stats-file=stats.json', 'a.o'], 5, errno.ENOMEM, 'malloc')


def faults(c):
    if cli.has_sanitizer():
        c.tap.skip('cli_faults', 'a sanitizer must be the first library')
        return
    c.write('a.c', PROGRAM)
    c.build('gcc', '-c', '-O1', '-fPIC', 'a.c', '-o', 'a.o')
    c.build('ar', 'rcs', 'a.a', 'a.o')
    c.write('a.ll', IR)
    fail_each(c, 'cli_run_object_every_call', ['run', 'a.o'], 5, errno.ENOMEM)
    fail_each(c, 'cli_run_object_every_call_refused', ['run', 'a.o'], 5, errno.EPERM)
    fail_each(c, 'cli_run_ir_every_call', ['run', 'a.ll'], 5, errno.ENOMEM)
    fail_each(c, 'cli_run_isolated_every_call', ['run', '--isolate', 'a.ll'], 5, errno.ENOMEM)
    c.write('b.c', 'int puts(const char *t) { return t[0]; }\n__thread int own = 3;\nint data[2] = {1, 2};\n')
    c.build('gcc', '-c', '-O1', 'b.c', '-o', 'b.o')
    c.build('ar', 'rcs', 'b.a', 'b.o')
    fail_each(c, 'cli_link_every_call', ['link', 'a.o', 'b.a', '--base=0x100000', '--defsym=data=0x200000', '-o', 'out.bin',
                                         '--map=out.map'], 0, errno.ENOMEM)
    fail_each(c, 'cli_inspect_archive_every_call', ['inspect', 'b.a'], 0, errno.ENOMEM)
    fail_each(c, 'cli_compile_every_call', ['compile', 'a.ll', '-o', 'out.o'], 0, errno.ENOMEM)


cli.main(faults, named)
