#!/usr/bin/python3
"""Check that the tests take every error branch of src/ and tools/, but for those that tests/coverage/untaken.txt lists
with a reason.

    check_coverage.py                 every entry of the list names what the sources have
    check_coverage.py BUILD...        what the tests of these builds (`make coverage`) took, against the list
    check_coverage.py --all BUILD...  the same, with every branch that was not taken, listed or not

An error branch is one outcome of one condition that leads straight to a failure: to `return` of a status that fails,
of false (but of functions whose names ask a question, is_ and has_ and their like), NULL or -1, to `goto`, or to a call
that makes an error. Each operand of || and && counts, and so do OJI_TRY() and a failing return that no condition stands
right before. It is known by file, function and the text of its condition, so that the list outlives changes elsewhere in
the file.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import check_sizes  # noqa: E402  (the line above keeps it from leaving files)

SOURCE = check_sizes.SOURCE
LIST = os.path.join(SOURCE, 'tests', 'coverage', 'untaken.txt')
FOLDERS = ('src', 'tools')
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_]\w*|\d[\w.]*|&&|\|\||[!=<>+\-*/%&|^]=|->|<<|>>|\S')
IGNORED = re.compile(r'/\*.*?\*/|//[^\n]*|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.S | re.M)
FAILING_VALUE = {'false', 'NULL', '- 1', 'status', 'errno', 'EBADMSG', 'OUTCOME_FAILED', 'EXIT_FAILURE'}
FAILING_CALL = re.compile(r'^(oji_fail\w*|fail\w*|refuse\w*|disbelieve|out_of_memory|bad_answer|give_up\w*)$')
QUESTION = re.compile(r'^(\w+_)?(is|are|has|holds|needs|may|can|crosses|reaches|fits|belongs)_|^fits$')
LINE = re.compile(r'^(~?)(\S+?):(\w+): (.+?) -- (.+)$')
EXPANSION = 1
WANTED = 'no test yet'  # the reason of entries that a test should be written for
# What runs with libgcc from 13 on alone, and the part of its profiles' names: see tests/variants.py.
TREE_ONLY = ('src/code/leaves.c', 'src/code/stretches.c')
NEWER_LIBGCC = '-newer_libgcc-'


class Token:
    def __init__(self, text, start, place):
        self.text = text
        self.start = start
        self.place = place


class Text:
    """A source as tokens. Comments and the preprocessor's lines are blanks of the same size."""

    def __init__(self, name):
        self.name = name
        with open(os.path.join(SOURCE, name), encoding='latin-1') as file:
            self.text = IGNORED.sub(lambda match: re.sub(r'[^\n]', ' ', match.group()), file.read())
        starts = [0] + [match.end() for match in re.finditer('\n', self.text)]
        self.starts = starts
        self.tokens, line = [], 0
        for match in TOKEN.finditer(self.text):
            while line + 1 < len(starts) and starts[line + 1] <= match.start():
                line += 1
            self.tokens.append(Token(match.group(), match.start(), (line + 1, match.start() - starts[line] + 1)))
        self.functions = [(first, first + count - 1, function)
                          for function, first, count in check_sizes.functions(self.text.split('\n'))]
        self.pairs = self._pairs()

    def _pairs(self):
        pairs, stack = {}, []
        for number, token in enumerate(self.tokens):
            if token.text in '([{' and len(token.text) == 1:
                stack.append(number)
            elif token.text in ')]}' and len(token.text) == 1 and stack:
                pairs[stack.pop()] = number
        return pairs

    def function_at(self, line):
        return next((name for first, last, name in self.functions if first <= line <= last), None)

    def offset(self, line, column):
        return self.starts[line - 1] + column - 1

    def words(self, first, last):
        return ' '.join(token.text for token in self.tokens[first:last])

    def slice(self, start, end):
        return ' '.join(self.text[start:end].split())


def is_failing(words):
    """Is this a value, or a call, that says that something failed?"""
    words = words.split(' ')
    return (' '.join(words) in FAILING_VALUE or words[0].startswith('OJ_E_')
            or (len(words) > 1 and words[1] == '(' and bool(FAILING_CALL.match(words[0]))))


def has_question(text, first, end):
    """Is there a ? outside of parentheses? One in a call's arguments only chooses what is said."""
    while first < end:
        if text.tokens[first].text == '?':
            return True
        first = text.pairs.get(first, first) + 1
    return False


def statement_end(text, first):
    """The token after the statement that starts at `first`, as far as this needs to know C."""
    word = text.tokens[first].text
    if word == '{':
        return text.pairs[first] + 1
    if word in ('if', 'for', 'while', 'switch'):
        end = statement_end(text, text.pairs[first + 1] + 1)
        return statement_end(text, end + 1) if word == 'if' and text.tokens[end].text == 'else' else end
    if word == 'do':
        return text.pairs[statement_end(text, first + 1) + 1] + 2
    while text.tokens[first].text != ';':
        first = text.pairs.get(first, first) + 1
    return first + 1


def last_statement(text, first):
    """Where the last simple statement of the statement at `first` starts; None where that is none."""
    if text.tokens[first].text != '{':
        return first if text.tokens[first].text not in ('if', 'for', 'while', 'switch', 'do') else None
    number, end, last = first + 1, text.pairs[first], None
    while number < end:
        last, number = number, statement_end(text, number)
    return last_statement(text, last) if last is not None else None


def fails(text, first):
    """Does the statement at `first` end in a failure?"""
    last = last_statement(text, first)
    if last is None:
        return False
    end = statement_end(text, last) - 1
    word = text.tokens[last].text
    if word == 'goto':
        return True
    if word == 'return':
        words = text.words(last + 1, end)
        if words == 'false' and QUESTION.match(text.function_at(text.tokens[last].place[0])):
            return False
        return is_failing(words) and not has_question(text, last + 1, end)
    equals = next((number for number in range(last, end) if text.tokens[number].text == '='), None)
    return is_failing(text.words(equals + 1 if equals else last, end)) and text.words(last, end) not in FAILING_VALUE


class Branch:
    """An error branch. Conditions from tokens `first` to before `last`, or a bare statement there."""

    def __init__(self, kind, first, last, polarity=True):
        self.kind = kind  # 'condition', 'try' or 'statement'
        self.first = first
        self.last = last
        self.polarity = polarity


def condition_start(text, question):
    """Where the condition before a ? starts."""
    number = question - 1
    closing = {end: start for start, end in text.pairs.items()}
    while True:
        number = closing.get(number, number)
        word = text.tokens[number].text
        if word in ('(', '=', ',', ';', 'return', '?', ':', '{', '}', '['):
            return number + 1
        number -= 1


def arms(text, question):
    """The words of both arms of a ?:."""
    number, depth = question + 1, 0
    while text.tokens[number].text != ':' or depth:
        depth += {'?': 1, ':': -1}.get(text.tokens[number].text, 0)
        number = text.pairs.get(number, number) + 1
    end = number + 1
    while text.tokens[end].text not in (';', ',', ')', ':', '}', ']'):
        end = text.pairs.get(end, end) + 1
    return text.words(question + 1, number), text.words(number + 1, end)


def is_returned(text, number):
    while text.tokens[number - 1].text not in (';', '{', '}', ')', 'else'):
        number -= 1
        if text.tokens[number].text == 'return':
            return True
    return text.tokens[number].text == 'return'


def error_branches(text):
    """Every error branch of a source, by what its tokens say."""
    bodies = set()
    for number, token in enumerate(text.tokens):
        if text.function_at(token.place[0]) is None:
            continue
        if token.text == 'if':
            close = text.pairs[number + 1]
            end = statement_end(text, close + 1)
            if fails(text, close + 1):
                bodies.add(last_statement(text, close + 1))
                yield Branch('condition', number + 2, close)
            if text.tokens[end].text == 'else' and fails(text, end + 1):
                bodies.add(last_statement(text, end + 1))
                yield Branch('condition', number + 2, close, False)
        elif token.text == '?':
            arm_1, arm_2 = arms(text, number)
            loose = is_returned(text, number)
            for arm, polarity in ((arm_1, True), (arm_2, False)):
                if is_failing(arm) and (loose or arm not in FAILING_VALUE):
                    yield Branch('condition', condition_start(text, number), number, polarity)
        elif token.text == 'OJI_TRY':
            yield Branch('try', number, text.pairs[number + 1] + 1)
        elif token.text in ('return', 'goto') and number not in bodies and fails(text, number):
            yield Branch('statement', number, statement_end(text, number) - 1)


class Counts:
    """What ran, by file: outcomes of conditions, and how often a place was passed."""

    def __init__(self):
        self.outcomes = {}    # (file, start, end) -> [true, false]
        self.tries = {}       # (file, start) -> [true, false]
        self.regions = {}     # file -> {(start, end): count}

    def add(self, function):
        names = function['filenames']
        expanded = {region[6]: region for region in function['regions'] if region[7] == EXPANSION}
        for region in function['regions']:
            if region[7] == 0 and region[5] not in expanded:
                table = self.regions.setdefault(names[region[5]], {})
                key = (region[0], region[1]), (region[2], region[3])
                table[key] = table.get(key, 0) + region[4]
        for branch in function['branches']:
            number = branch[6]
            if number not in expanded:
                self._sum(self.outcomes, (names[number], (branch[0], branch[1]), (branch[2], branch[3])), branch)
                continue
            while expanded[number][5] in expanded:
                number = expanded[number][5]
            origin = expanded[number]
            self._sum(self.tries, (names[origin[5]], (origin[0], origin[1])), branch)

    @staticmethod
    def _sum(table, key, branch):
        total = table.setdefault(key, [0, 0])
        total[0] += branch[4]
        total[1] += branch[5]

    def passed(self, name, place):
        """How often a place was passed: by the innermost region around it; None where there is no code."""
        best = None
        for (start, end), count in self.regions.get(name, {}).items():
            if start <= place < end and (best is None or (start, [-x for x in end]) > best[0]):
                best = ((start, [-x for x in end]), count)
        return best and best[1]


def negations(text, first, place):
    """Is what stands at `place` negated an odd number of times by a ! before a parenthesis around it?"""
    stack = []
    for number in range(first, len(text.tokens)):
        token = text.tokens[number]
        if token.place >= place:
            break
        if token.text == '(':
            count = 0
            while number - 1 - count >= first and text.tokens[number - 1 - count].text == '!':
                count += 1
            stack.append(count)
        elif token.text == ')' and stack:
            stack.pop()
    return sum(stack) % 2 == 1


def condition_outcomes(text, name, branch, counts):
    """Yield (text, taken) for each operand of a condition."""
    low, high = text.tokens[branch.first].place, text.tokens[branch.last].place
    found = [(start, end) for file, start, end in counts.outcomes
             if file == name and low <= start and end <= high]
    outer = sorted(region for region in found
                   if not any(other != region and other[0] <= region[0] and region[1] <= other[1] for other in found))
    for start, end in outer:
        wanted = branch.polarity != negations(text, branch.first, start)
        taken = counts.outcomes[(name, start, end)][0 if wanted else 1]
        yield text.slice(text.offset(*start), text.offset(*end)), taken
    if not outer and counts.passed(name, low) is not None:
        macros = [total for (file, start), total in counts.tries.items() if file == name and low <= start < high]
        words = text.slice(text.offset(*low), text.offset(*high))
        for total in macros[:1]:
            yield words, total[0 if branch.polarity else 1]


def outcomes(text, name, counts):
    """Yield (function, text, taken) for each error branch that was compiled."""
    for branch in error_branches(text):
        place = text.tokens[branch.first].place
        function = text.function_at(place[0])
        if branch.kind == 'condition':
            for words, taken in condition_outcomes(text, name, branch, counts):
                yield function, words, taken
            continue
        words = text.slice(text.tokens[branch.first].start, text.tokens[branch.last].start)
        if branch.kind == 'try':
            taken = counts.tries.get((name, place), [None])[0]
        else:
            taken = counts.passed(name, place)
        if taken is not None:
            yield function, words.rstrip(' ;'), taken


def sources():
    return sorted(os.path.relpath(path, SOURCE) for folder in FOLDERS
                  for path in glob.glob(os.path.join(SOURCE, folder, '**', '*.[ch]'), recursive=True))


def read_list():
    """Entries as {(file, function, text): reason}, a reason that starts with ~ where it may be taken, and complaints."""
    entries, wrong = {}, []
    with open(LIST, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith('#'):
                continue
            match = LINE.match(line.rstrip('\n'))
            if not match or match.group(2, 3, 4) in entries:
                wrong.append('%s:%d: not of the form "file:function: condition -- reason", or twice' % (LIST, number))
                continue
            entries[match.group(2, 3, 4)] = match.group(1) + match.group(5)
    return entries, wrong


def check_names(entries):
    """Every entry must name a function, and a text in it; of those that wait for a test it is only told."""
    wrong, texts = [], {}
    for (name, function, words), reason in entries.items():
        if name not in texts:
            texts[name] = Text(name) if os.path.exists(os.path.join(SOURCE, name)) else None
        text = texts[name]
        spans = [(first, last) for first, last, known in text.functions if known == function] if text else []
        wanted = re.sub(r' #\d+$', '', words)
        if not any(wanted in ' '.join(' '.join(text.text.split('\n')[first - 1:last]).split())
                   for first, last in spans):
            line = 'listed, and not in the sources: %s:%s: %s' % (name, function, words)
            if reason == WANTED:
                print(line)
            else:
                wrong.append(line)
    return wrong


def tool(name):
    for version in ('-19', '-22', ''):
        path = shutil.which(name + version)
        if path:
            return path
    sys.exit('check_coverage.py: no ' + name)


def export(build):
    """Coverage of one build, as llvm-cov says it; profiles of the same program are merged into one each."""
    profiles = sorted(glob.glob(os.path.join(build, 'profiles', '*.profraw')))
    if not profiles:
        sys.exit('check_coverage.py: no profiles in ' + build)
    merged = os.path.join(build, 'merged.profdata')
    listed = os.path.join(build, 'profiles', 'list')
    with open(listed, 'w', encoding='utf-8') as file:
        file.write('\n'.join(profiles))
    # A profile of a process that was killed while it wrote the file's head is left out.
    subprocess.run([tool('llvm-profdata'), 'merge', '--sparse', '--failure-mode=all', '-f', listed, '-o', merged],
                   check=True, stderr=subprocess.DEVNULL)
    objects = [path for path in (os.path.join(build, *parts) for parts in (
        ('src', 'libownjit.so'), ('src', 'ownjit-worker'), ('src', 'llvm-c', 'libownjit-mcjit.so'),
        ('tools', 'ownjit', 'ownjit'))) if os.path.exists(path)]
    more = [part for path in objects[1:] for part in ('-object', path)]
    result = subprocess.run([tool('llvm-cov'), 'export', '-instr-profile=' + merged, objects[0], *more],
                            check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def collect(builds):
    counts = Counts()
    for build in builds:
        for data in export(build)['data']:
            for function in data['functions']:
                function['filenames'] = [os.path.relpath(os.path.realpath(os.path.join(build, name)), SOURCE)
                                         for name in function['filenames']]
                counts.add(function)
    return counts


def passed_over(builds):
    """Sources that nothing can be said about: this machine can have no newer libgcc."""
    if any(NEWER_LIBGCC in path for build in builds for path in glob.glob(os.path.join(build, 'profiles', '*'))):
        return ()
    print('no newer libgcc: %s passed over' % ' and '.join(TREE_ONLY))
    return TREE_ONLY


def compare(counts, entries, show_all, without):
    n_branches = n_taken = 0
    wrong, seen = [], {entry for entry in entries if entry[0] in without}
    for name in sources():
        if name not in counts.regions or name in without:
            continue
        repeats = {}
        for function, words, taken in outcomes(Text(name), name, counts):
            key = (function, words)
            repeats[key] = repeats.get(key, 0) + 1
            entry = (name, function, words + (' #%d' % repeats[key] if repeats[key] > 1 else ''))
            shown = '%s:%s: %s' % entry
            n_branches += 1
            n_taken += taken > 0
            seen.add(entry)
            if taken > 0 and entry in entries and entries[entry] == WANTED:
                print('taken, and need not be listed: ' + shown)
            elif taken > 0 and not entries.get(entry, '~').startswith('~'):
                wrong.append('listed, and taken: ' + shown)
            elif taken == 0 and (show_all or entry not in entries):
                wrong.append('not taken: ' + shown)
    wrong += ['listed, and no error branch: %s:%s: %s' % entry for entry, reason in entries.items()
              if entry not in seen and reason != WANTED]
    print('%d error branches, %d taken; %s' % (n_branches, n_taken, count_listed(entries)))
    return wrong


def count_listed(entries):
    n_wanted = sum(reason == WANTED for reason in entries.values())
    return '%d listed, %d of them for want of a test' % (len(entries), n_wanted)


def main():
    builds = [argument for argument in sys.argv[1:] if argument != '--all']
    entries, wrong = read_list()
    wrong += check_names(entries)
    if builds:
        builds = [os.path.realpath(build) for build in builds]
        wrong += compare(collect(builds), entries, '--all' in sys.argv, passed_over(builds))
    else:
        print('error branches: ' + count_listed(entries))
    print('\n'.join(wrong), end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
