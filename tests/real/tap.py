"""Print results as TAP, and compare a program under ownjit with its native build."""

import os
import shutil
import subprocess
import sys
import tempfile

OWNJIT = os.environ.get('OJT_OWNJIT') or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..', 'build', 'bin', 'ownjit')


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, passed, detail=''):
        self.count += 1
        self.failed += not passed
        print('%sok %d - %s' % ('' if passed else 'not ', self.count, name), flush=True)
        if not passed and detail:
            print('\n'.join('# ' + line for line in detail.split('\n')), flush=True)
        return passed

    def skip(self, name, reason):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, name, reason), flush=True)

    def end(self):
        print('1..%d' % self.count)
        sys.exit(1 if self.failed else 0)


class Outcome:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def __eq__(self, other):
        return (self.status, self.out, self.err) == (other.status, other.out, other.err)


def run(argv, executable=None, stdin=b'', env=None, timeout=240, place=None):
    """Run in an empty folder: at `place`, or of any name."""
    with tempfile.TemporaryDirectory() as folder:
        if place:
            folder = place
            os.mkdir(folder)
        try:
            done = subprocess.run(argv, executable=executable, input=stdin, capture_output=True, timeout=timeout,
                                  cwd=folder, env={**os.environ, **(env or {})}, check=False)
        except subprocess.TimeoutExpired:
            return Outcome('no end after %d s' % timeout, b'', b'')
        finally:
            if place:
                shutil.rmtree(place)
    return Outcome(done.returncode, done.stdout, done.stderr)


def first_difference(expected, got):
    a, b = expected.split(b'\n'), got.split(b'\n')
    for number, (x, y) in enumerate(zip(a + [b'<end>'] * len(b), b + [b'<end>'] * len(a)), 1):
        if x != y:
            return 'line %d: expected %r, got %r' % (number, x[:300], y[:300])
    return 'equal'


def describe(argv, expected, got):
    return '\n'.join(['$ ' + ' '.join(argv), 'status: expected %s, got %s' % (expected.status, got.status),
                      'stdout: ' + first_difference(expected.out, got.out),
                      'stderr: ' + first_difference(expected.err, got.err)])


def compare(tap, name, native, options, file, arguments, **settings):
    """One program, natively and under `ownjit run`: status, output and messages are equal byte by byte. The native
    build is given the name that ownjit gives its program."""
    argv = [OWNJIT, 'run', *options, file, *arguments]
    with tempfile.TemporaryDirectory() as folder:
        # The same place for both: some programs print it.
        place = os.path.join(folder, 'work')
        expected = run([file, *arguments], executable=native, place=place, **settings)
        got = run(argv, place=place, **settings)
    return tap.check(name, expected == got, describe(argv, expected, got))
