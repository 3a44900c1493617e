"""measure.py - trains on a set and measures, each thing once.

A question is: on this set, with these options and this seed, what does this query say? What was measured is a line of
the results file, and is not measured again.
"""
import collections
import fcntl
import json
import os
import sqlite3

import pages
import sets

# query: 'evaluate OPTIONS', 'compare METHOD' or 'compare METHOD OPTIONS', 'tune OPTIONS', 'nights' or 'own-list'. row: the
# method or measure whose row counts, with its segment if it has one ('vs-knn new'); field: its column.
Question = collections.namedtuple('Question', 'set options query row field')
PLAIN = 'evaluate cutoffs=20'
KNN = 'evaluate cutoffs=20,baselines=vs-knn'
APRIL = 16161  # 1 April 2014, in days since 1970
ALL = 'evaluate cutoffs=20,baselines=all'


def dictionaries(cursor):
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


class Measure:
    def __init__(self, extension, data, work, threads, results=os.devnull):
        self.extension, self.data, self.work, self.threads = os.path.abspath(extension), data, work, threads
        self.path, self.results = results, {}
        self.set, self.db, self.trained = None, None, None
        if os.path.isfile(results):
            with open(results, encoding='utf-8') as file:
                for line in file:
                    *key, rows = json.loads(line)
                    self.results[tuple(key)] = rows

    def value(self, question, seed):
        name, options, query, row, field = question
        rows = self.rows(name, options, seed, query)
        found, = (r for r in rows if r['row'] == row)
        return found['recall'] * found['events'] if field == 'hits' else found[field]

    def rows(self, *key):
        if key not in self.results:
            self.results[key] = self.measured(*key)
            with open(self.path, 'a', encoding='utf-8') as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(json.dumps([*key, self.results[key]]) + '\n')
        return self.results[key]

    def open(self, name):
        if self.set != name:
            self.db, self.trained = sets.load(name, self.data, self.work), None
            self.db.enable_load_extension(True)
            self.db.load_extension(self.extension)
            self.set = name

    def measured(self, name, options, seed, query):
        self.open(name)
        kind, _, rest = query.partition(' ')
        given = ','.join(filter(None, (options, f'seed={seed},threads={self.threads},verbose=false')))
        if kind == 'tune':
            self.model(None)
            self.db.execute('CREATE VIRTUAL TABLE m USING gru4rec(train)')
            report, = self.db.execute("SELECT gru4rec_tune('m', ?)", (f'{given},{rest}',)).fetchone()
            return [dict(r, row=r['measure']) for r in json.loads(report)['report']]
        if kind == 'nights':
            self.model(None)
            return self.nights(given)
        self.model((options, seed))
        if self.trained is None:
            self.db.execute("SELECT gru4rec_train('m', 'train', ?)", (given,)).fetchall()
            self.trained = options, seed
        if kind == 'compare':
            method, _, more = rest.partition(' ')
            return dictionaries(self.db.execute(
                "SELECT measure || coalesce(' ' || segment, '') AS row, a, b, difference, low, high, p, wins, losses, ties "
                "FROM gru4rec_compare('m', ?, 'test', ?)", (method, ','.join(filter(None, ('cutoffs=20', more))))))
        if kind == 'own-list':
            return self.own_list()
        return dictionaries(self.db.execute("SELECT method || coalesce(' ' || segment, '') AS row, * FROM gru4rec_evaluate('m', 'test', ?)",
                                            (rest,)))

    def own_list(self):
        """Runs the SQL of the page on tables with the names of the page, and leaves none of it."""
        columns = 'SessionId AS session_id, ItemId AS item_id, Time AS ts'
        recipe = pages.sql_of('docs/evaluation.md', 'Your own list beside the model')
        self.db.execute('ALTER TABLE m RENAME TO rec')
        self.db.executescript(f'BEGIN; DROP TABLE IF EXISTS clicks; CREATE TABLE clicks AS SELECT {columns} FROM train ORDER BY rowid;'
                              f'CREATE TABLE clicks_test AS SELECT {columns} FROM test ORDER BY rowid;' + recipe)
        rows = dictionaries(self.db.execute("SELECT method || ' ' || targets AS row, * FROM own_measured"))
        self.db.execute('ROLLBACK')
        self.db.execute('ALTER TABLE rec RENAME TO m')
        return rows

    def nights(self, given):
        """Trains on the sessions that begin on 1 to 4 April 2014, then each night on what is new. After the nights of the
        5th and the 6th: the means of what model and list say on the sessions of the day after."""
        begins = 'SELECT SessionId FROM clicks GROUP BY SessionId HAVING min(Time)'
        self.db.execute(f'CREATE VIRTUAL TABLE m USING gru4rec(train,{given})')
        measured = []
        for day in 4, 5, 6:
            end = (APRIL + day) * sets.DAY
            self.db.execute('DELETE FROM train')
            self.db.execute('DELETE FROM test')
            self.db.execute(f'INSERT INTO train SELECT * FROM clicks WHERE SessionId IN ({begins} < {end})')
            after = f'{begins} >= {end} AND min(Time) < {end + sets.DAY}'
            self.db.execute(f'INSERT INTO test SELECT * FROM clicks WHERE SessionId IN ({after})')
            how = 'n_epochs=5' if day == 4 else 'n_epochs=2,warm_start=true,since=last'
            self.db.execute("SELECT gru4rec_train('m', ?)", (how,)).fetchall()
            measured.append(dictionaries(self.db.execute("SELECT method AS row, recall, mrr FROM gru4rec_evaluate('m', 'test', "
                                                         "'cutoffs=20,baselines=pop')")))
        return [{'row': a['row'], 'recall': (a['recall'] + b['recall']) / 2, 'mrr': (a['mrr'] + b['mrr']) / 2}
                for a, b in zip(*measured[1:])]

    def model(self, wanted):
        """Drops the model unless it is the one that is wanted."""
        if self.trained != wanted or wanted is None:
            self.db.execute('DROP TABLE IF EXISTS m')
            self.trained = None
