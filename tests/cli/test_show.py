#!/usr/bin/python3
"""The program behind `make run`: in a terminal it moves in colour, elsewhere it draws one picture in letters."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import cli

RUN = os.path.join(cli.SOURCE, 'examples', 'show', 'run.sh')
BUILD = os.path.dirname(os.path.dirname(os.path.abspath(cli.OWNJIT)))


def in_terminal(columns, rows):
    """(exit status, what the terminal got)"""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        os.environ['TERM'] = 'xterm-256color'
        os.environ.pop('NO_COLOR', None)
        os.execv('/bin/sh', ['sh', RUN, BUILD])
    output = b''
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output.decode(errors='replace')


def show(c):
    done = subprocess.run(['sh', RUN, BUILD], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    lines = done.stdout.split('\n')
    c.tap.check('cli_show_plain_succeeds', done.returncode == 0, done.stderr)
    c.tap.check('cli_show_plain_has_a_picture', len(lines) == 32 and '\x1b' not in done.stdout
                and sum('@' in line for line in lines) > 15
                and re.fullmatch(r'Lua 5\.4 in a C host: 1 picture in .* s', lines[30])
                is not None, done.stdout)
    c.tap.check('cli_show_plain_has_statistics', 'generate code' in done.stderr
                and 'the program ran for' in done.stderr, done.stderr)
    status, output = in_terminal(80, 24)
    frames = re.split(r'\x1b\[\d+A\r', output)
    c.tap.check('cli_show_terminal_succeeds', status == 0, output[-2000:])
    c.tap.check('cli_show_terminal_moves', len(frames) >= 2 and len(set(frames)) == len(frames), str(len(frames)))
    c.tap.check('cli_show_terminal_fills_lines', frames[0].count('▀') == 80 * 21
                and frames[0].count('\x1b[38;2;') > 500,
                str(frames[0].count('▀')))
    c.tap.check('cli_show_terminal_ends_without_colour',
                re.search(r'\x1b\[0m\r\nLua 5\.4 in a C host: \d+ pictures in ', output)
                is not None, output[-2000:])
    missing = subprocess.run(['/bin/sh', RUN, BUILD], capture_output=True, text=True, check=False,
                             env={'PATH': c.folder})
    c.tap.check('cli_show_without_tools_fails', missing.returncode != 0 and missing.stdout == '', missing.stdout)


cli.main(show)
