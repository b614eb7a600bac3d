#!/usr/bin/python3
"""Run the tests: each in a process of its own, under a deadline, and one summary over all build variants.

    tests/run.py [--build DIR] [--tier check|san|long] [--list] [NAME...]   build variants under DIR and run them
    tests/run.py --in BUILD [NAME...]                                      run what one build directory holds
    tests/run.py --coverage [NAME...]                                      which error branches the tests take

NAME selects by part of the full name, "variant/program/test"; where it starts with the name of a variant and a slash,
only such variants are built. A test program answers --list with its tests and runs the one it is given; exit status
77 means skipped. A script prints TAP. tests/variants.py says what is built and what of it is run.
"""

import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import variants  # noqa: E402  (the line above makes it importable)

SKIPPED = 77
DEADLINE = 60
TAP_LINE = re.compile(r'^(not )?ok\b\s*\d*\s*(?:-\s*)?([^#]*)(?:#\s*(\w+).*)?$')
FAILURE_POINTS = re.compile(r'\b(\d+) failure points\b')
TAP_PLAN = re.compile(r'^1\.\.(\d+)')


class Test:
    """One process to run. group is the line it is reported under; tap: its output holds several results."""

    def __init__(self, group, name, argv, env=None, timeout=DEADLINE, tap=False, alone=False):
        self.group = group
        self.name = name
        self.argv = argv
        self.env = env or {}
        self.timeout = timeout
        self.tap = tap
        self.alone = alone

    @property
    def full_name(self):
        return self.group + '/' + self.name if self.name else self.group


class Report:
    """Counts, and the lines a reader sees: one for each group that passed, everything about what failed."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.groups = {}
        self.failure_points = 0

    def expect(self, tests):
        for test in tests:
            self.groups.setdefault(test.group, [0, 0, 0, 0.0])[0] += 1

    def add(self, test, results, seconds, output):
        """results: a list of (name, 'pass' | 'fail' | 'skip')."""
        with self.lock:
            group = self.groups.setdefault(test.group, [1, 0, 0, 0.0])
            failed = [name for name, result in results if result == 'fail']
            skipped = [name for name, result in results if result == 'skip']
            self.passed += len(results) - len(failed) - len(skipped)
            self.failed += failed
            self.skipped += skipped
            self.failure_points += sum(int(count) for count in FAILURE_POINTS.findall(output))
            group[0] -= 1
            group[1] += len(results) - len(skipped)
            group[2] += len(skipped)
            group[3] += seconds
            for name in failed:
                print('FAIL  ' + name, flush=True)
            if failed:
                print(indent(output), flush=True)
            if group[0] == 0:
                skips = ', %d skipped' % group[2] if group[2] else ''
                print('done  %-48s %4d run%s, %.1f s' % (test.group, group[1], skips, group[3]), flush=True)

    def close(self, started, folder):
        """The summary; its last line is also written to the folder, where there is one."""
        if self.skipped:
            print('\nskipped:')
            for name in self.skipped:
                print('  ' + name)
        if self.failed:
            print('\nfailed:')
            for name in self.failed:
                print('  ' + name)
        if self.failure_points:
            print('\n%d failure points: calls of the heap and of the system that were made to fail, one at a time'
                  % self.failure_points)
        print('\n%.0f s' % (time.monotonic() - started))
        if self.skipped:
            print('%d skipped' % len(self.skipped))
        counts = '%d passed, %d failed' % (self.passed, len(self.failed))
        print(counts, flush=True)
        if folder:
            with open(os.path.join(folder, 'counts'), 'w', encoding='utf-8') as out:
                out.write(counts + '\n')
        return 1 if self.failed or self.passed == 0 else 0


def indent(text, limit=120):
    lines = text.rstrip().split('\n')
    if len(lines) > limit:
        lines = lines[:limit // 2] + ['... %d lines left out ...' % (len(lines) - limit)] + lines[-limit // 2:]
    return '\n'.join('    | ' + line for line in lines)


def run_process(argv, env, timeout):
    """Return (exit status or None at the deadline, output). The process leads a session, so that its children end
    with it. Output goes to a file: a pipe would wait for any child that outlives its parent."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       env={**os.environ, **env}, start_new_session=True, cwd=variants.SOURCE)
        except OSError as error:
            return 126, str(error)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        text = output.read().decode('utf-8', 'replace')
    return status, text


def describe_end(status, timeout):
    if status is None:
        return 'no end after %d s' % timeout
    if status < 0:
        return 'killed by signal %d (%s)' % (-status, signal.Signals(-status).name)
    return 'exit status %d' % status


def read_tap(test, status, output):
    """Results of a TAP script. What the plan promises and does not come, and a bad end, are failures of the script."""
    results, planned = [], None
    for line in output.split('\n'):
        plan = TAP_PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
            continue
        match = TAP_LINE.match(line)
        if not match:
            continue
        failed, name, directive = match.groups()
        skip = (directive or '').upper() == 'SKIP'
        results.append((test.full_name + '/' + name.strip(), 'fail' if failed else 'skip' if skip else 'pass'))
    has_failure = any(result == 'fail' for _, result in results)
    if status == SKIPPED and not results:
        return [(test.full_name, 'skip')]
    if not results or planned not in (None, len(results)) or (status != 0 and not has_failure):
        results.append((test.full_name, 'fail'))
    return results


def run_test(test, report):
    started = time.monotonic()
    status, output = run_process(test.argv, test.env, test.timeout)
    seconds = time.monotonic() - started
    if test.tap:
        results = read_tap(test, status, output)
    elif status == SKIPPED or (status == 0 and '[  SKIPPED ]' in output and '[       OK ]' not in output):
        results = [(test.full_name, 'skip')]
    else:
        results = [(test.full_name, 'pass' if status == 0 else 'fail')]
    output += '\n(%s; %s)' % (describe_end(status, test.timeout), ' '.join(test.argv))
    report.add(test, results, seconds, output)


def run_all(tests, report, jobs):
    """Tests marked alone (they measure, or need the memory) come last, one at a time."""
    report.expect(tests)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda test: run_test(test, report), [test for test in tests if not test.alone]))
    for test in tests:
        if test.alone:
            run_test(test, report)


def list_program(path, env):
    """Names of a program's tests; None where it cannot say."""
    status, output = run_process([path, '--list'], env, DEADLINE)
    return output.split() if status == 0 and output.strip() else None


def expand_program(group, path, env, timeout, report):
    names = list_program(path, env)
    if names is None:
        report.add(Test(group, '', []), [(group, 'fail')], 0, path + ' --list lists nothing')
        return []
    return [Test(group, name, [path, name], env, timeout) for name in names]


def expand(plan, report):
    """Turn what tests/variants.py planned into tests."""
    tests = []
    for entry in plan:
        if entry.kind == 'program':
            tests += expand_program(entry.group, entry.argv[0], entry.env, entry.timeout, report)
        else:
            tests.append(Test(entry.group, '', entry.argv, entry.env, entry.timeout, entry.kind == 'tap', entry.alone))
    return tests


def select(tests, names):
    return [test for test in tests
            if not names or any(name in test.full_name or test.full_name + '/' in name for name in names)]


def chosen_variants(tier, names):
    chosen = [variant for variant in variants.VARIANTS if tier in (None, variant.tier)]
    prefixes = {name.split('/')[0] for name in names if '/' in name}
    known = {variant.name for variant in variants.VARIANTS}
    if names and len(prefixes) > 0 and prefixes <= known and all('/' in name for name in names):
        chosen = [variant for variant in chosen if variant.name in prefixes]
    return chosen


def build_variant(variant, build, report):
    """Configure and build; a failure is a failed test of the variant's."""
    started = time.monotonic()
    for argv in variant.build_commands(build):
        status, output = run_process(argv, variant.build_env(), 900)
        if status != 0:
            report.add(Test(variant.name + '/build', '', []), [(variant.name + '/build', 'fail')],
                       time.monotonic() - started, output)
            return False
    if variant.has_build:
        report.add(Test(variant.name + '/build', '', []), [(variant.name + '/build', 'pass')],
                   time.monotonic() - started, '')
    return True


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=os.path.join(variants.SOURCE, 'build', 'test'))
    parser.add_argument('--tier', choices=['check', 'san', 'long'])
    parser.add_argument('--in', dest='only_build')
    parser.add_argument('--coverage', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('names', nargs='*', metavar='NAME')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    started = time.monotonic()
    report = Report()
    if arguments.only_build:
        chosen = [variants.existing_build(arguments.only_build)]
    elif arguments.coverage:
        chosen = variants.coverage_variants()
    else:
        chosen = chosen_variants(arguments.tier, arguments.names)
    for variant in chosen:
        build = os.path.abspath(arguments.only_build or os.path.join(arguments.build, variant.folder))
        if not build_variant(variant, build, report):
            continue
        tests = select(expand(variant.plan(build), report), arguments.names)
        if arguments.list:
            print('\n'.join(test.full_name for test in tests))
        else:
            run_all(tests, report, arguments.jobs)
    return 0 if arguments.list else report.close(started, None if arguments.only_build else arguments.build)


if __name__ == '__main__':
    sys.exit(main())
