#!/usr/bin/python3
"""Fuzz every target of a build for a given time each, and show what it came to: `make fuzz TIME=seconds`.

    tests/fuzz/fuzz.py --build DIR [--time SECONDS] [--jobs N] [NAME...]    targets with NAME in their names
    tests/fuzz/fuzz.py --totals                                            executions of all runs on this machine

What is found is kept in the cache for the next run, never in the tree. Exit status 1: a target crashed, leaked, was too
slow or took too much memory; the path of the input that does it is printed.
"""

import argparse
import concurrent.futures
import datetime
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
import variants  # noqa: E402  (the line above makes it importable)

FOUND = os.path.join(variants.CACHE, 'fuzz')
TOTALS = os.path.join(FOUND, 'totals')
STATE = re.compile(r'^#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)', re.M)
STAT = re.compile(r'^stat::(\w+):\s+(\d+)', re.M)
COLUMNS = '%-18s %14s %9s %9s %9s %8s  %s'


class Result:
    def __init__(self, name, status, output):
        stats = {key: int(value) for key, value in STAT.findall(output)}
        states = STATE.findall(output)
        self.name = name
        self.executions = stats.get('number_of_executed_units', 0)
        self.per_second = stats.get('average_exec_per_sec', 0)
        self.edges, self.features, self.corpus = (int(number) for number in states[-1]) if states else (0, 0, 0)
        self.has_failed = status != 0
        self.output = output

    def row(self):
        return COLUMNS % (self.name, '{:,}'.format(self.executions), '{:,}'.format(self.per_second), self.edges,
                          self.features, self.corpus, 'FAILED' if self.has_failed else '-')


def targets_of(build, names):
    paths = [path for path in sorted(glob.glob(os.path.join(build, 'tests', 'fuzz_*')))
             if os.path.isfile(path) and os.access(path, os.X_OK)]
    return [path for path in paths if not names or any(name in os.path.basename(path) for name in names)]


def run_target(path, seconds):
    name = os.path.basename(path)
    found = os.path.join(FOUND, name)
    crashes = os.path.join(FOUND, 'crashes')
    os.makedirs(found, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    argv = [path, *variants.FUZZ_LIMITS, '-max_total_time=%d' % seconds, '-reduce_inputs=1',
            '-artifact_prefix=%s/%s-' % (crashes, name), found, *variants.fuzz_corpus(name)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={**os.environ, **variants.SANITIZED}, cwd=FOUND)
    output = process.stdout.read()
    # Processor time: beside other work an hour on the clock may be a minute of fuzzing.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    result = Result(name, process.returncode, output.decode('utf-8', 'replace'))
    with open(TOTALS, 'a') as totals:
        totals.write('%s %s %d %d %d\n' % (datetime.datetime.utcnow().strftime('%Y-%m-%dT%H:%M:%SZ'), name,
                                           result.executions, usage.ru_utime + usage.ru_stime, result.has_failed))
    return result


def print_failure(result):
    print('\n%s:' % result.name)
    lines = result.output.rstrip().split('\n')
    print('\n'.join('    | ' + line for line in lines[-80:]))
    for path in re.findall(r'Test unit written to (\S+)', result.output):
        print('reproduce with: %s' % path)


def print_totals():
    sums = {}
    if os.path.exists(TOTALS):
        with open(TOTALS) as totals:
            for line in totals:
                _, name, executions, seconds, failed = line.split()
                row = sums.setdefault(name, [0, 0, 0])
                for i, number in enumerate((executions, seconds, failed)):
                    row[i] += int(number)
    sums['sum'] = [sum(column) for column in zip(*sums.values())] if sums else [0, 0, 0]
    print('%-18s %16s %10s %9s' % ('target', 'executions', 'minutes', 'failures'))
    for name, (executions, seconds, failed) in sums.items():
        print('%-18s %16s %10.1f %9d' % (name, '{:,}'.format(executions), seconds / 60, failed))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build')
    parser.add_argument('--time', type=int, default=60, metavar='SECONDS')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--totals', action='store_true')
    parser.add_argument('names', nargs='*', metavar='NAME')
    arguments = parser.parse_args()
    if arguments.totals:
        print_totals()
        return 0
    targets = targets_of(arguments.build or '', arguments.names)
    if not targets:
        print('no fuzz target in %s' % arguments.build)
        return 1
    print(COLUMNS % ('target', 'executions', 'a second', 'edges', 'features', 'corpus', ''), flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = []
        for result in pool.map(lambda path: run_target(path, arguments.time), targets):
            print(result.row(), flush=True)
            results.append(result)
    print(COLUMNS % ('sum', '{:,}'.format(sum(r.executions for r in results)),
                     '{:,}'.format(sum(r.per_second for r in results)), sum(r.edges for r in results),
                     sum(r.features for r in results), sum(r.corpus for r in results), ''))
    failed = [result for result in results if result.has_failed]
    for result in failed:
        print_failure(result)
    print('%d of %d targets failed' % (len(failed), len(results)))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
