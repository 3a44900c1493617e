"""sets.py - the data of the figures: where a log comes from, how it is prepared, and what must come out.

A log comes from its raw public file through sql/figures_*.sql, or from a prepared copy (*.tsv.xz with the columns
SessionId, ItemId, Time). A set is a training and a test table, cut from a log. Each set has the numbers of events,
sessions and items that it must have, and a hash of its events in order.
"""
import collections
import hashlib
import lzma
import os
import sqlite3
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))

# raw: the public files; recipe: the SQL that makes the tables of them; prepared: {table: file}.
Log = collections.namedtuple('Log', 'raw recipe prepared source licence')
LOGS = {
    'rsc15': Log(
        ['yoochoose-clicks.dat'], 'sql/figures_rsc15.sql',
        {'train': 'rsc15_100k_train.tsv.xz', 'test': 'rsc15_100k_test.tsv.xz'},
        'RecSys Challenge 2015, https://recsys.acm.org/recsys15/challenge/', 'CC BY-NC-ND 4.0'),
    'diginetica': Log(
        ['train-item-views.csv'], 'sql/figures_diginetica.sql',
        {'train': 'diginetica_train.tsv.xz', 'test': 'diginetica_test.tsv.xz'},
        'CIKM Cup 2016 Track 2, https://competitions.codalab.org/competitions/11161', 'terms of the competition: research'),
    'globo': Log(
        ['clicks/clicks_hour_%03d.csv' % hour for hour in range(385)], 'sql/figures_globo.sql',
        {'clicks': 'globo.tsv.xz'},
        'Globo.com, https://www.kaggle.com/datasets/gspmoreira/news-portal-user-interactions-by-globocom',
        'academic use only, see the page'),
}

# Statements that make train and test, in a database with the tables of the log; {a}, {b}, {c} are times.
WHOLE = ''
# Sessions that begin from a to before b; the test, those that begin from b to before c.
BEGIN = '''
CREATE TABLE train AS SELECT * FROM clicks WHERE SessionId IN (
  SELECT SessionId FROM clicks GROUP BY SessionId HAVING min(Time) >= {a} AND min(Time) < {b}) ORDER BY rowid;
CREATE TABLE test AS SELECT * FROM clicks WHERE SessionId IN (
  SELECT SessionId FROM clicks GROUP BY SessionId HAVING min(Time) >= {b} AND min(Time) < {c}) ORDER BY rowid;
'''
# Sessions that lie within these times.
WITHIN = '''
CREATE TABLE train AS SELECT * FROM clicks WHERE SessionId IN (
  SELECT SessionId FROM clicks GROUP BY SessionId HAVING min(Time) >= {a} AND max(Time) < {b}) ORDER BY rowid;
CREATE TABLE test AS SELECT * FROM clicks WHERE SessionId IN (
  SELECT SessionId FROM clicks GROUP BY SessionId HAVING min(Time) >= {b} AND max(Time) < {c}) ORDER BY rowid;
'''
# The test is put away. The latest tenth of the training sessions becomes the test: by their beginnings, ties by their
# numbers as texts.
HELD = '''
DROP TABLE test;
CREATE TEMP TABLE place AS
  SELECT SessionId, row_number() OVER (ORDER BY min(Time), CAST(SessionId AS TEXT)) - 1 AS n FROM train GROUP BY SessionId;
CREATE UNIQUE INDEX temp.place_session ON place(SessionId);
CREATE TABLE test AS SELECT train.* FROM train JOIN place USING (SessionId)
  WHERE n >= CAST((SELECT count(*) FROM place) * 0.9 AS INTEGER) ORDER BY train.rowid;
DELETE FROM train WHERE SessionId IN (SELECT SessionId FROM test);
DROP TABLE place;
'''
# Every third session of the test.
THIRD = '''
DELETE FROM test WHERE SessionId IN (
  SELECT SessionId FROM (SELECT SessionId, row_number() OVER (ORDER BY SessionId) AS n FROM test GROUP BY SessionId) WHERE n % 3);
'''
# Every second session of the training loses all but its first click.
VISITS = '''
CREATE TEMP TABLE kept AS SELECT min(rowid) AS n FROM train GROUP BY SessionId;
DELETE FROM train WHERE SessionId % 2 AND rowid NOT IN (SELECT n FROM kept);
DROP TABLE kept;
'''
# All clicks in one table; train and test are filled night by night.
NIGHTS = '''
CREATE TABLE clicks AS SELECT * FROM train UNION ALL SELECT * FROM test;
'''
DAY, OCTOBER = 86400, 17440  # days since 1970; 1 October 2017


def window(statements, first, end, test_seconds=DAY):
    """The days of October from first to before end; then the test."""
    a, b = ((OCTOBER + day - 1) * DAY for day in (first, end))
    return statements.format(a=a, b=b, c=b + test_seconds)


Set = collections.namedtuple('Set', 'log statements')
SETS = {
    'rsc15': Set('rsc15', WHOLE),
    'rsc15-held': Set('rsc15', HELD),
    'rsc15-visits': Set('rsc15', VISITS),
    'rsc15-nights': Set('rsc15', NIGHTS),
    'diginetica': Set('diginetica', WHOLE),
    'diginetica-held': Set('diginetica', HELD),
    'diginetica-third': Set('diginetica', HELD + THIRD),
    'globo': Set('globo', WHOLE),
    'globo1': Set('globo', window(BEGIN, 2, 4, DAY // 4)),
    'globo1-held': Set('globo', window(BEGIN, 2, 4, DAY // 4) + HELD),
    'globo2': Set('globo', window(BEGIN, 9, 11, DAY // 4)),
    'globo2-held': Set('globo', window(BEGIN, 9, 11, DAY // 4) + HELD),
    'globo-3': Set('globo', window(BEGIN, 3, 4, DAY // 4)),
    'globo-10': Set('globo', window(BEGIN, 10, 11, DAY // 4)),
    'globo-8': Set('globo', window(BEGIN, 8, 12)),
    'globo-small': Set('globo', window(WITHIN, 13, 16)),
    'globo-large': Set('globo', window(WITHIN, 10, 16)),
    'globo-visits': Set('globo', window(WITHIN, 13, 16) + VISITS),
}
# What checksum() must give for each table of each set.
SUMS = {
    ('rsc15', 'train'): (70278, 17794, 2933, '7fd5d8e8ab306fd0'),
    ('rsc15', 'test'): (13568, 3416, 1771, '86ee6d47f260580f'),
    ('rsc15-held', 'train'): (62836, 16014, 2925, 'e54fc3456bd8d113'),
    ('rsc15-held', 'test'): (7442, 1780, 1450, '3d3f844ee06a2a3f'),
    ('rsc15-visits', 'train'): (43790, 17794, 2879, '04c420869ee7fcd6'),
    ('rsc15-visits', 'test'): (13568, 3416, 1771, '86ee6d47f260580f'),
    ('rsc15-nights', 'clicks'): (83846, 21210, 2933, '334cf33d1640538c'),
    ('diginetica', 'train'): (906140, 186670, 43097, '2694969e86b5b962'),
    ('diginetica', 'test'): (76821, 15963, 21131, 'eca84b0939058711'),
    ('diginetica-held', 'train'): (817947, 168003, 42933, 'b37736e602d59b52'),
    ('diginetica-held', 'test'): (88193, 18667, 23369, '1dc0bdf33b6c781d'),
    ('diginetica-third', 'train'): (817947, 168003, 42933, 'b37736e602d59b52'),
    ('diginetica-third', 'test'): (29259, 6222, 12852, 'b9a3044a451a090a'),
    ('globo', 'clicks'): (2988181, 1048594, 46033, '41552c51337cf63b'),
    ('globo1', 'train'): (565435, 197647, 11129, '2050f5224daf68bc'),
    ('globo1', 'test'): (22762, 8352, 1691, 'e05357f3d9713d86'),
    ('globo1-held', 'train'): (510370, 177882, 10140, 'c8a7bdd06e1cb5c2'),
    ('globo1-held', 'test'): (55065, 19765, 2845, '0ecb7c4a49b4e8fb'),
    ('globo2', 'train'): (531063, 182455, 11293, '62a820512bcadb57'),
    ('globo2', 'test'): (28903, 10721, 1582, '68973f563b8b5407'),
    ('globo2-held', 'train'): (481231, 164209, 10526, 'fecfa1c49bc2f3c2'),
    ('globo2-held', 'test'): (49832, 18246, 2269, '64112ccc7e3a297c'),
    ('globo-3', 'train'): (260378, 88977, 6752, '69c0129ae3ad16e6'),
    ('globo-3', 'test'): (22762, 8352, 1691, 'e05357f3d9713d86'),
    ('globo-10', 'train'): (281507, 96480, 6864, 'b9a5a6d616a05ac0'),
    ('globo-10', 'test'): (28903, 10721, 1582, '68973f563b8b5407'),
    ('globo-8', 'train'): (877939, 303747, 16978, 'bb33c92916313ddd'),
    ('globo-8', 'test'): (121154, 43802, 4523, '106cd8aab7e6a06e'),
    ('globo-small', 'train'): (366060, 131328, 10371, '83261bece314138c'),
    ('globo-small', 'test'): (187486, 66050, 7120, 'ffd22b63213c3b57'),
    ('globo-large', 'train'): (1006995, 353687, 19931, 'a38ae4afd7f10be2'),
    ('globo-large', 'test'): (187486, 66050, 7120, 'ffd22b63213c3b57'),
    ('globo-visits', 'train'): (248656, 131328, 8102, '151f052ab4fb1773'),
    ('globo-visits', 'test'): (187486, 66050, 7120, 'ffd22b63213c3b57'),
}


class Missing(Exception):
    """There is neither the raw file of a log nor a prepared copy."""


def tables(name):
    return [table for owner, table in SUMS if owner == name]


def advice(name):
    log = LOGS[name]
    return (f'{name}: needs {log.raw[0]}{" and so on" if len(log.raw) > 1 else ""}, or a prepared '
            f'{" and ".join(log.prepared.values())}\n  from: {log.source}\n  licence: {log.licence}\n  prepared by: {log.recipe}')


def from_raw(log, data, database):
    """Runs the recipe in the folder of the data."""
    with open(os.path.join(ROOT, log.recipe), encoding='utf-8') as recipe:
        subprocess.run(['sqlite3', '-init', '/dev/null', '-batch', os.path.abspath(database)], stdin=recipe, cwd=data, check=True,
                       stdout=subprocess.DEVNULL)


def from_prepared(log, data, database):
    db = sqlite3.connect(database, isolation_level=None)
    db.execute('BEGIN')
    for table, file in log.prepared.items():
        db.execute(f'CREATE TABLE {table}(SessionId INTEGER, ItemId INTEGER, Time REAL)')
        with lzma.open(os.path.join(data, file), 'rt') as lines:
            next(lines)
            db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)', (line.rstrip('\n').split('\t') for line in lines))
    db.execute('COMMIT')
    db.close()


def prepare(name, data, work):
    """The database of a log: as it was left in the folder work, from the raw file, or from the prepared copy."""
    log, database = LOGS[name], os.path.join(work, f'{name}.db')
    if os.path.exists(database):
        return database
    has = lambda files: all(os.access(os.path.join(data, file), os.R_OK) for file in files)
    make = from_raw if has(log.raw[:1]) else from_prepared if has(log.prepared.values()) else None
    if make is None:
        raise Missing(advice(name))
    os.makedirs(work, exist_ok=True)
    unfinished = database + '-unfinished'
    if os.path.exists(unfinished):
        os.remove(unfinished)
    make(log, data, unfinished)
    os.rename(unfinished, database)
    return database


def load(name, data, work):
    """A database in memory with the tables train and test of a set."""
    db = sqlite3.connect(':memory:', isolation_level=None)
    stored = sqlite3.connect(prepare(SETS[name].log, data, work))
    stored.backup(db)
    stored.close()
    db.executescript(SETS[name].statements)
    return db


def checksum(db, table):
    """(events, sessions, items, hash). The hash is of the events in order, session by session; sessions by their
    beginnings. It does not depend on their numbers, nor on the order of rows."""
    visits, n_events, items = collections.defaultdict(list), 0, set()
    for session, item, time in db.execute(f'SELECT SessionId, ItemId, Time FROM {table} ORDER BY SessionId, Time, ItemId'):
        visits[session].append((time, item))
        items.add(item)
        n_events += 1
    digest = hashlib.sha256()
    for visit in sorted(visits.values()):
        digest.update(''.join('%.3f %d\n' % event for event in visit).encode() + b'\n')
    return n_events, len(visits), len(items), digest.hexdigest()[:16]
