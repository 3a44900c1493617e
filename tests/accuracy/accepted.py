#!/usr/bin/env python3
"""accepted.py EXTENSION - asks all questions of cases.py on a small invented log, with one epoch and narrow layers.

So an option or a query that this version refuses is found in seconds. The figures mean nothing.
"""
import random
import re
import sqlite3
import sys

from cases import CASES, last_of_each
from measure import APRIL, Measure
from repeat import check, figures_of, finish, tables
from sets import DAY


def invented(rng):
    db = sqlite3.connect(':memory:', isolation_level=None)
    for table, first in ('train', 0), ('test', 1000):
        db.execute(f'CREATE TABLE {table}(SessionId INTEGER, ItemId INTEGER, Time REAL)')
        db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)',
                       [(first + s, rng.randrange(30), 100 * (first + s) + i) for s in range(300) for i in range(3)])
    db.execute('CREATE TABLE clicks(SessionId INTEGER, ItemId INTEGER, Time REAL)')
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)',
                   [(s, rng.randrange(30), (APRIL + s % 7) * DAY + s + i) for s in range(300) for i in range(3)])
    return db


class Small(Measure):
    def open(self, name):
        if self.db is None:
            self.db = invented(random.Random(1))
            self.db.enable_load_extension(True)
            self.db.load_extension(self.extension)


def small(question):
    """The question with less work."""
    narrow = lambda options: re.sub(r'layers=\d+(/\d+)?', lambda m: 'layers=8' + ('/8' if m.group(1) else ''), options)
    query = question.query.replace('trials=40', 'trials=1')
    return question._replace(set='', options=last_of_each(narrow(f'{question.options},n_epochs=1'.lstrip(','))), query=query)


def main():
    measure, seen = Small(sys.argv[1], '', '', 1), set()
    for name, table in tables()[0].items():
        for figure in figures_of(name, table) if name in CASES else ():
            for question in set(map(small, figure.questions)) - seen:
                seen.add(question)
                try:
                    value = measure.value(question, 1)
                    check(f'{name}: {figure.label}', isinstance(value, (int, float)), value)
                except (sqlite3.Error, ValueError, KeyError) as error:
                    check(f'{name}: {figure.label}', False, f'{question.options}: {error!r}')
    finish()


if __name__ == '__main__':
    main()
