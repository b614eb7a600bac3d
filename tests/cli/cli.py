"""What the tests of the command line share: an ownjit to run, a folder of inputs, and one call for each expectation."""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'real'))
import tap as tapping  # noqa: E402

OWNJIT = tapping.OWNJIT
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
# What ownjit itself exits with.
FAILED = 125


def has_sanitizer():
    """A sanitizer installs signal handlers of its own, and is in the way of limits on address space."""
    with open(OWNJIT, 'rb') as file:
        return b'__asan_init' in file.read()


class Cli:
    def __init__(self, tap, folder):
        self.tap = tap
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), 'wb') as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return name

    def read(self, name):
        with open(self.path(name), 'rb') as file:
            return file.read()

    def build(self, *argv):
        """Run a tool of the system that makes an input."""
        subprocess.run(argv, cwd=self.folder, check=True, stdin=subprocess.DEVNULL)

    def call(self, *argv, stdin=b'', env=None):
        try:
            done = subprocess.run([OWNJIT, *argv], cwd=self.folder, input=stdin, capture_output=True, timeout=120,
                                  env={**os.environ, **(env or {})}, check=False)
        except subprocess.TimeoutExpired:
            return tapping.Outcome('no end after 120 s', b'', b'')
        return tapping.Outcome(done.returncode, done.stdout, done.stderr)

    def expect(self, name, argv, status=0, out=None, out_has=(), err=b'', err_has=(), err_lacks=(), **settings):
        """out and err None: anything. Returns the outcome."""
        got = self.call(*argv, **settings)
        text = got.out.decode(errors='replace')
        message = got.err.decode(errors='replace')
        problems = []
        if got.status != status:
            problems.append('status %s, expected %s' % (got.status, status))
        if out is not None and got.out != (out if isinstance(out, bytes) else out.encode()):
            problems.append('expected on stdout: %r' % out)
        if err is not None and not err_has and got.err != err:
            problems.append('expected on stderr: %r' % err)
        problems += ['stdout lacks %r' % part for part in out_has if part not in text]
        problems += ['stderr lacks %r' % part for part in err_has if part not in message]
        problems += ['stderr has %r' % part for part in err_lacks if part in message]
        self.tap.check(name, not problems, '\n'.join(['$ ownjit ' + ' '.join(argv), *problems, 'stdout:', text,
                                                      'stderr:', message]))
        return got

    def expect_failure(self, name, argv, *parts, own_lines_only=True, **settings):
        """A failure of ownjit itself: its status, nothing on stdout, and one message that has all the parts."""
        got = self.call(*argv, **settings)
        message = got.err.decode(errors='replace')
        own = [line for line in message.split('\n') if line.startswith('ownjit: ')]
        problems = ['message lacks %r' % part for part in parts if part not in message]
        if got.status != FAILED:
            problems.append('status %s, expected %s' % (got.status, FAILED))
        if got.out:
            problems.append('something on stdout')
        if len(own) != 1 or (own_lines_only and not message.startswith('ownjit: ')):
            problems.append('not one message of ownjit')
        if not message.endswith('\n') or message.endswith('\n\n'):
            problems.append('the message does not end in one newline')
        self.tap.check(name, not problems, '\n'.join(['$ ownjit ' + ' '.join(argv), *problems, 'stderr:', message]))
        return got


def main(*groups):
    tap = tapping.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for group in groups:
            group(Cli(tap, folder))
    tap.end()
