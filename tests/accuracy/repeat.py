#!/usr/bin/env python3
"""repeat.py - repeats the figures of accuracy in README.md and docs/, and compares them with the pages.

    /usr/bin/python3 tests/accuracy/repeat.py [--only NAME,...] [--match TEXT,...] [--quick] [--results FILE] EXTENSION DATA_DIR
    /usr/bin/python3 tests/accuracy/repeat.py --sums EXTENSION DATA_DIR
    /usr/bin/python3 tests/accuracy/repeat.py --list | --check

DATA_DIR has the public files (sets.py and docs/evaluation.md say where they come from) or prepared copies. Each log
is prepared once, in --work, and each set is compared with its checksum before anything is trained on it. A case is a
table of a page; --only takes some, --match the figures whose labels begin with one of these texts. --quick takes the
figures that need no more than one training of rsc15 with the defaults. With --results each measurement is a line of
that file, and is not made again: a long run may be stopped.

A figure is "same" if it agrees to its last digit, "near" if it is within the spread that is printed beside it, which is
what other seeds and other processors may move, and DIFFERS otherwise. It is TOO LOW if it does not reach what is asked of
it. The exit status is 1 if a figure differs or is too low, or if a checksum differs. --check trains nothing: each table of
figures in the pages must have a case, each cell must be understood, and each figure in the prose must be in a table.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'relational'))
import cases  # noqa: E402
import pages  # noqa: E402
import sets  # noqa: E402
from checks import check, finish  # noqa: E402
from measure import Measure  # noqa: E402

# Tables with such numbers that are no accuracy.
OTHER = {('docs/evaluation.md', 'column'), ('docs/options.md', 'option')}
# Figures in the prose that are no table's: what they are.
PROSE = {'.003': 'how far seeds move a figure', '0.003': 'how far seeds move a figure',
         '.004': 'differences of seeds in a table', '.002': 'differences of seeds in a table',
         '-.002': 'what is called no loss', '-.0015': 'what is called no loss'}


def tables():
    """The tables with figures, by case; and those that have no case."""
    found, nameless = {}, []
    for page in pages.pages():
        for table in pages.prose_and_tables(page)[1]:
            if table.name:
                found[table.name] = table
            elif table.has_figures() and (page, table.columns[0]) not in OTHER:
                nameless.append(table)
    return found, nameless


def figures_of(name, table):
    return list(cases.CASES[name](table))


def check_pages():
    found, nameless = tables()
    for table in nameless:
        check(f'{table.page}:{table.line}: a table of figures is followed by "Repeat: `make figures ONLY=name`"', False)
    for name in cases.CASES:
        check(f'the case {name} has a table', name in found)
    with open('docs/evaluation.md', encoding='utf-8') as file:
        text = file.read()
    for name, table in ((name, table) for name in sets.LOGS for table in sets.tables(name)):
        row = '| {} | `{}` | {:,} | {:,} | {:,} | `{}` |'.format(name, table, *sets.SUMS[name, table])
        check(f'docs/evaluation.md has the checksum {row}', row in text)
    known = set()
    for name, table in found.items():
        where = f'{table.page}:{table.line}: {name}'
        check(f'{where} is a case of cases.py', name in cases.CASES or name in cases.LOST)
        if name in cases.CASES:
            check(f'{where}: each figure is understood', *understood(table))
        known.update(figure for row in table.rows for cell in row for figure in pages.FIGURE.findall(cell))
    for page in pages.pages():
        for line, text in pages.prose_and_tables(page)[0]:
            for figure in pages.FIGURE.findall(pages.CODE.sub('', text)):
                check(f'{page}:{line}: {figure} is in a table', figure in PROSE or is_rounded(figure, known))


def understood(table):
    """Whether the case has the figures that the cells have; what is wrong."""
    try:
        figures = figures_of(table.name, table)
    except (KeyError, ValueError, AttributeError) as error:
        return False, f'a row or a column that the case does not know: {error!r}'
    skipped = {'official': (2, 4), 'presets': (1,), 'support-decay': (1, 2)}.get(table.name, ())
    shown = sorted(text for row in table.rows for i, cell in enumerate(row) if i not in (0, *skipped)
                   for text in pages.FIGURE.findall(pages.CODE.sub('', cell)))
    got = sorted(figure.text.lstrip('+') for figure in figures if pages.FIGURE.fullmatch(figure.text.lstrip('+')))
    return shown == got, f'{len(shown)} in the page, {len(got)} in the case'


def is_rounded(figure, known):
    digits = len(figure.partition('.')[2])
    return any(abs(float(figure) - abs(float(other))) <= .5 * 10 ** -digits + 1e-9 for other in known)


def show_list():
    found, _ = tables()
    for name, table in found.items():
        if name in cases.LOST:
            print(f'{name:22} {table.page}:{table.line}  not repeated: {cases.LOST[name]}')
            continue
        figures = figures_of(name, table)
        runs = {(q.set, q.options, seed) for figure in figures for q in figure.questions for seed in figure.seeds}
        print(f'{name:22} {table.page}:{table.line}  {len(figures)} figures, {len(runs)} trainings on '
              f'{", ".join(sorted({run[0] for run in runs}))}')


class Sums:
    """Checksums of the sets, each compared once."""

    def __init__(self, data, work):
        self.data, self.work, self.seen = data, work, {}

    def are_right(self, name):
        if name not in self.seen:
            db = sets.load(name, self.data, self.work)
            got = {table: sets.checksum(db, table) for table in sets.tables(name)}
            for table in got:
                print('%s, %s: %d events, %d sessions, %d items, %s' % (name, table, *got[table]), flush=True)
                check(f'checksum of {name}, {table}', got[table] == sets.SUMS[name, table], (got[table], sets.SUMS[name, table]))
            self.seen[name] = all(got[table] == sets.SUMS[name, table] for table in got)
        return self.seen[name]


def is_quick(figure):
    return len(figure.seeds) == 1 and all(q[:2] == ('rsc15', '') and not q.query.startswith('tune') for q in figure.questions)


def repeat(name, figures, measure, sums):
    print(f'\n{name}')
    print(f'{"figure":60} {"page":>10} {"measured":>10} {"spread":>8}')
    figures.sort(key=lambda figure: [q[:2] for q in figure.questions])
    for figure in figures:
        if not all(sums.are_right(question.set) for question in figure.questions):
            check(f'{name}: {figure.label}: its data are right', False)
            continue
        got = figure.combine([[measure.value(question, seed) for seed in figure.seeds] for question in figure.questions])
        off, digits = abs(got - figure.expected), len(figure.text.partition('.')[2])
        verdict = 'TOO LOW' if got < figure.least else 'same' if off <= .5000001 * 10 ** -digits else 'near' if off <= figure.spread else 'DIFFERS'
        print(f'{figure.label:60} {figure.text:>10} {got:10.{digits}f} {figure.spread:8.4f}  {verdict}', flush=True)
        check(f'{name}: {figure.label}', verdict in ('same', 'near'), (figure.text, got))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension', nargs='?')
    parser.add_argument('data', nargs='?')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--sums', action='store_true')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--only', default='')
    parser.add_argument('--match', default='')
    parser.add_argument('--optional', action='store_true', help='data that are not there are a note, not a failure')
    parser.add_argument('--results', default=os.devnull)
    parser.add_argument('--work', default='build/figures')
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    if args.list:
        return show_list()
    if args.check:
        check_pages()
        finish()
    if args.data is None:
        parser.error('EXTENSION and DATA_DIR are needed')
    chosen = args.only.split(',') if args.only else list(cases.CASES)
    for name in set(chosen) - set(cases.CASES):
        sys.exit(f'{name}: not repeated: {cases.LOST[name]}' if name in cases.LOST else f'no case {name}; --list shows them')
    measure, sums = Measure(args.extension, args.data, args.work, args.threads, args.results), Sums(args.data, args.work)
    found, missing = tables()[0], set()
    if args.sums:
        chosen = []
        for name in sets.SETS:
            run(lambda: sums.are_right(name), missing)
    for name in chosen:
        figures = [figure for figure in figures_of(name, found[name])
                   if figure.label.startswith(tuple(args.match.split(','))) and (not args.quick or is_quick(figure))]
        if figures:
            run(lambda: repeat(name, figures, measure, sums), missing)
    for text in sorted(missing):
        print(f'note: {text}')
    if not args.optional:
        check('all data are there', not missing)
    finish()


def run(step, missing):
    try:
        step()
    except sets.Missing as reason:
        missing.add(str(reason))


if __name__ == '__main__':
    sys.exit(main())
