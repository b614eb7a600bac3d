#!/usr/bin/python3
"""Check that docs/worker.md specifies the wire format that src/worker has: magic, version, header, kinds, and the order
and width of every field that is written; and that each message of the fuzzer's corpus reads, by the document alone, as
exactly one message. A corpus of another version would be turned away at its header, and test nothing."""

import glob
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
import api  # noqa: E402  (the line above keeps it from leaving files)

FIELD = re.compile(r'\b(?:[ui](32|64)|(text))\b')
PUT = re.compile(r'\bput(32|64|_text)\(')


def read(*path):
    with open(os.path.join(api.SOURCE, *path), encoding='utf-8') as file:
        return file.read()


def fields_of(text):
    return [match.group(1) or match.group(2) for match in FIELD.finditer(text)]


class Document:
    """The specification, as far as a program can read it."""

    def __init__(self, text):
        section = text[text.index('## Protocol'):]
        self.version = int(re.match(r'## Protocol, version (\d+)', section).group(1))
        rows = [[cell.strip() for cell in line.strip('|').split('|')]
                for line in section.split('\n') if line.startswith('| ')]
        self.header = [(int(row[0]), int(row[1]), row[2]) for row in rows if len(row) == 3 and row[0].isdigit()]
        kinds = [(re.match(r'(\d+) (\w+)$', row[0]), row[2]) for row in rows if len(row) == 3]
        self.kinds = {int(name.group(1)): (name.group(2), fields_of(payload)) for name, payload in kinds if name}
        section = ' '.join(section.split())
        configuration = re.search(r'A configuration: (.*?)\. ', section).group(1)
        self.configuration = fields_of(configuration)
        self.bits = dict(re.findall(r'\b(\d+) (passes|triple|CPU|features|diagnostics)\b', configuration))
        self.largest = int(re.search(r'one message is one packet, of at most (\d+) KiB', section).group(1))
        self.largest_inside = int(re.search(r'An input or object of at most (\d+) KiB', section).group(1))


class Code:
    """The same, from the sources."""

    def __init__(self, header, source):
        self.source = source
        self.constants = dict(re.findall(r'#define OJI_WIRE_(\w+) \(?([^/\n]+?)\)?(?: +/\*.*)?$', header, re.M))
        enumeration = re.search(r'typedef enum oji_wire_kind \{(.*?)\}', header, re.S).group(1)
        self.kinds = {int(number): name.lower() for name, number in re.findall(r'OJI_WIRE_(\w+) = (\d+)', enumeration)}

    def body(self, function):
        return re.search(r'%s\([^;{]*\)\n\{(.*?)\n\}' % function, self.source, re.S).group(1)

    def written(self, function):
        return [width.strip('_') for width in PUT.findall(self.body(function))]

    def number(self, name):
        product = 1
        for factor in self.constants[name].split('*'):
            product *= int(factor.strip().rstrip('u'), 0)
        return product


def compare(what, documented, written):
    if documented == written:
        return []
    return ['docs/worker.md has %s %s, src/worker has %s' % (what, documented, written)]


def check_header(document, code):
    stores = [(int(at or 0), int(bits) // 8)
              for bits, at in re.findall(r'oji_store(16|32|64)\(w->buffer(?: \+ (\d+))?,', code.body('finish'))]
    magic = re.search(r'0x[0-9A-F]+', document.header[0][2]).group(0)
    version = re.search(r'\d+', document.header[1][2]).group(0)
    return (compare('the header', [(at, size) for at, size, _ in document.header], stores)
            + compare('the magic', int(magic, 0), code.number('MAGIC'))
            + compare('the version', [document.version, int(version)], [code.number('VERSION')] * 2)
            + compare('the largest message', document.largest << 10, code.number('MAX_SIZE'))
            + compare('the largest input in a message', document.largest_inside << 10, code.number('INLINE_SIZE')))


def check_fields(document, code):
    problems = compare('kinds', {number: name for number, (name, _) in document.kinds.items()}, code.kinds)
    for name, fields in document.kinds.values():
        problems += compare('for ' + name, fields, code.written('oji_wire_put_' + name))
    problems += compare('in a configuration', document.configuration, code.written('oji_wire_put_config'))
    names = {'HAS_' + name.upper() if name != 'diagnostics' else 'WANTS_DIAGNOSTICS': int(bit)
             for bit, name in document.bits.items()}
    return problems + compare('bits', names, {name: code.number(name) for name in names})


def skip_fields(payload, fields):
    """What is left after the fields, or None where they do not fit."""
    for field in fields:
        size = 4 if field == 'text' else int(field) // 8
        if len(payload) < size:
            return None
        if field == 'text':
            size += struct.unpack_from('<I', payload)[0]
        if len(payload) < size:
            return None
        payload = payload[size:]
    return payload


def check_message(document, path):
    with open(path, 'rb') as file:
        message = file.read()
    magic, version, kind, _, size, n_files, zero = struct.unpack_from('<IHHQIIQ', message)
    is_whole = (magic == 0x57494A4F and version == document.version and kind in document.kinds and n_files <= 1
                and zero == 0 and size == len(message) - 32
                and skip_fields(message[32:], document.kinds[kind][1]) == b'')
    if is_whole:
        return []
    return ['%s is no message of version %d' % (os.path.relpath(path, api.SOURCE), document.version)]


def main():
    document = Document(read('docs', 'worker.md'))
    code = Code(read('src', 'worker', 'wire.h'), read('src', 'worker', 'wire.c'))
    problems = check_header(document, code) + check_fields(document, code)
    corpus = sorted(glob.glob(os.path.join(api.SOURCE, 'tests', 'fuzz', 'corpus', 'wire', '*')))
    problems += [] if len(corpus) >= len(code.kinds) else ['tests/fuzz/corpus/wire lacks messages']
    for path in corpus:
        problems += check_message(document, path)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
