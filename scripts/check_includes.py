#!/usr/bin/python3
"""Check who includes whom. The tables below are the one place where the rule is written down for a machine;
CONTRIBUTING.md explains it."""

import os
import re
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A folder of src/ may include its own headers and those of these folders.
FOLDERS = {
    'base': [],
    'object': ['base'],
    'elf': ['object', 'base'],
    'arch': ['object', 'base'],
    'memory': ['base'],
    'code': ['base'],
    'link': ['object', 'arch', 'code', 'base'],
    'compile': ['base'],
    'llvm': ['compile', 'base'],
    'session': ['compile', 'link', 'object', 'code', 'base'],
    'worker': ['compile', 'base'],
    'llvm-c': ['base'],
}

# And these public headers: what a folder implements or is a client of.
PUBLIC = {
    'base': ['base'],
    'object': ['base', 'object'],
    'elf': ['base', 'object'],
    'arch': ['base', 'object'],
    'memory': ['base', 'memory'],
    'code': ['base', 'memory', 'code', 'stackmap', 'tls'],
    'link': ['base', 'memory', 'code', 'object', 'link', 'tls'],
    'compile': ['base', 'memory', 'code', 'object', 'link', 'llvm', 'compiler'],
    'llvm': ['base', 'llvm', 'compiler'],
    'session': ['base', 'memory', 'code', 'object', 'link', 'llvm', 'compiler', 'session'],
    'worker': ['base', 'llvm', 'compiler', 'workers'],
    'llvm-c': ['base', 'memory', 'code', 'link', 'llvm', 'compiler', 'session', 'mcjit'],
}

# Clients: public headers, their own folder, and the system. Benchmarks measure LLVM's own engines too.
CLIENTS = {'tools': (), 'examples': (), 'bench': ('llvm-c/', 'llvm/Config/')}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ARCHITECTURE = re.compile(r'^\s*#\s*(if|elif|ifdef|ifndef)\b.*'
                          r'(__x86_64__|__i386__|__aarch64__|__arm__|__riscv|__powerpc|__s390|__loongarch)')


def check_library(path, number, bracket, name):
    folder = path.split('/')[1]
    # src/llvm-c has a folder's name in common with LLVM's headers, and no file's.
    is_ours = os.path.exists(os.path.join(SOURCE, 'src', name)) and bracket == '"'
    if name.startswith('llvm-c/') and folder != 'llvm' and not is_ours:
        return 'only src/llvm knows LLVM'
    if name.startswith('ownjit/'):
        if name == 'ownjit/ownjit.h' or name[7:-2] not in PUBLIC.get(folder, []):
            return 'src/%s may not include <%s>' % (folder, name)
        return None
    if bracket == '<':
        return None
    if '/' not in name:
        return 'write "%s/%s", relative to src/' % (folder, name)
    if folder not in FOLDERS:
        return 'src/%s is not in the table of %s' % (folder, os.path.basename(__file__))
    other = name.split('/')[0]
    if other != folder and other not in FOLDERS[folder]:
        return 'src/%s may not include from src/%s' % (folder, other)
    return None


def check_public(path, number, bracket, name):
    if bracket == '"' or name.startswith('llvm-c/') or '/' in name and not name.startswith('ownjit/'):
        return 'a public header includes <ownjit/...> and the C library only'
    return None


def check_client(path, number, bracket, name):
    root = path.split('/')[0]
    if bracket == '<':
        if name.startswith('llvm') and not name.startswith(CLIENTS[root] or ('\0',)):
            return '%s/ knows no LLVM' % root
        return None
    own = os.path.normpath(os.path.join(SOURCE, os.path.dirname(path), name))
    if not own.startswith(os.path.join(SOURCE, root) + os.sep):
        return '%s/ includes public headers and its own folder only' % root
    return None


def check_file(path):
    root = path.split('/')[0]
    check = {'src': check_library, 'include': check_public}.get(root, check_client)
    problems = []
    with open(os.path.join(SOURCE, path), encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            match = INCLUDE.match(line)
            problem = check(path, number, *match.groups()) if match else None
            if ARCHITECTURE.match(line) and root == 'src' and not path.startswith('src/memory/'):
                problem = 'architectures are chosen at run time, or by meson.build'
            if problem:
                problems.append('%s:%d: %s: %s' % (path, number, line.strip(), problem))
    return problems


def main():
    listed = subprocess.run(['git', '-C', SOURCE, 'ls-files', '-z', 'src', 'include', *CLIENTS], check=True,
                            stdout=subprocess.PIPE).stdout.decode().split('\0')
    files = [path for path in listed if path.endswith(('.c', '.h')) and os.path.exists(os.path.join(SOURCE, path))]
    problems = [problem for path in files for problem in check_file(path)]
    print('\n'.join(problems) if problems else '%d files keep to the table' % len(files))
    return 1 if problems or not files else 0


if __name__ == '__main__':
    sys.exit(main())
