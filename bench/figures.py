#!/usr/bin/python3
"""Write a run's figures into docs/benchmarks.md, between its two markers, as tables.

Usage: figures.py BENCH.json DOCUMENT "what the run was: machine, clock"
"""

import json
import sys

BEGIN = '<!-- figures: written by bench/figures.py -->'
END = '<!-- end of figures -->'
SHOWN = ['link-fresh', 'link-warm', 'link-small', 'place-publish', 'system-calls', 'system-calls-batch', 'patch',
         'packed-calls', 'compile-small', 'compile-small-extra', 'compile-large', 'live-100k-resident',
         'live-100k-proportional', 'live-100k-heap', 'live-100k-mappings', 'live-100k-beyond', 'live-100k-time',
         'unwind-40k', 'unwind-40k-tables', 'unwind-first-throw', 'unwind-throw-elsewhere', 'unwind-throw-after-link',
         'unwind-throw-interrupted', 'unwind-beyond', 'unwind-remove',
         'random-steps-mappings', 'random-steps-mapped', 'random-steps-heap', 'random-steps-resident',
         'random-steps-time', 'kept-resident', 'kept-proportional', 'kept-mappings', 'kept-heap', 'kept-beyond',
         'heap-growth']


def number(value):
    size = abs(value)
    return '%.*f' % (0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 4, value)


def table(records):
    """One table for one measurement and input; ratios only to what is not ours."""
    peers = [r['subject'] for r in records if not r['subject'].startswith('ownjit')]
    has_ratios = any(r['ratio'] for r in records)
    lines = ['| subject | min | median | max | runs |' + (' less than the peer by |' if has_ratios else ''),
             '|---|---:|---:|---:|---:|' + ('---|' if has_ratios else '')]
    for r in records:
        line = '| %s | %s | %s | %s | %d |' % (r['subject'], number(r['min']), number(r['median']),
                                               number(r['max']), r['runs'])
        if has_ratios:
            ours = r['subject'].startswith('ownjit')
            line += ' %s |' % (', '.join('%s %sx' % (p, number(r['ratio'][p])) for p in peers if p in r['ratio'])
                               if ours else '')
        lines.append(line)
    return lines


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    groups = {}
    with open(sys.argv[1]) as file:
        for record in json.load(file):
            groups.setdefault((record['name'], record['input'], record['unit']), []).append(record)
    lines = [BEGIN, '', sys.argv[3]]
    for name in SHOWN:
        for key in (k for k in groups if k[0] == name):
            lines += ['', '**%s**, %s (%s)' % key, ''] + table(groups[key])
    with open(sys.argv[2]) as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(sys.argv[2], 'w') as file:
        file.write(before + '\n'.join(lines) + '\n\n' + END + after)


if __name__ == '__main__':
    main()
