"""nights.py EXTENSION [OPTIONS [FIRST]]: nine nights on the demo's log, each with a training with these options.

The first version is trained on the clicks before 18 April with FIRST epochs (10). Each night a candidate is trained on what
the options take until that day, and beside the version that serves it guesses the sessions that begin on the next day. The
one with the larger MRR@20 serves on. Prints how many candidates won, and by how much of the MRR they differed on the average.
OPTIONS (by default a night of examples/nightly): since=last,warm_start=true,keep_optimizer=true,n_epochs=2
"""
import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
NIGHT = 'since=last,warm_start=true,keep_optimizer=true,n_epochs=2'
MRR = "SELECT mrr FROM gru4rec_evaluate('rec', 'exam', 'cutoffs=20,version=' || ?) WHERE method = 'gru4rec'"
EXAM = """CREATE TEMP VIEW exam AS SELECT * FROM clicks WHERE session_id IN
    (SELECT session_id FROM clicks GROUP BY session_id HAVING min(ts) >= unixepoch('{}') AND min(ts) < unixepoch('{}'))"""


def day(n):
    return (datetime.date(2024, 4, 18) + datetime.timedelta(n)).isoformat()


def main(extension, options=NIGHT, first='10'):
    with tempfile.TemporaryDirectory() as folder, open(ROOT + '/sql/demo_clicks.sql') as clicks:
        path = os.path.join(folder, 'shop.db')
        subprocess.run(['sqlite3', '-bail', path], stdin=clicks, stdout=subprocess.DEVNULL, check=True)
        db = sqlite3.connect(path, isolation_level=None)
        db.enable_load_extension(True)
        db.load_extension(os.path.abspath(extension))
        db.execute('INSERT INTO clicks SELECT * FROM clicks_test')
        db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, session=session_id, item=item_id, time=ts, verbose=false)')
        keep = ',keep_optimizer=true' if 'keep_optimizer=true' in options else ''
        db.execute("SELECT gru4rec_train('rec', ?)", (f'until={day(0)},n_epochs={first}{keep}',)).fetchone()
        gains = []
        for n in range(1, 10):
            summary, = db.execute("SELECT gru4rec_train('rec', ?)", (f'{options},activate=false,until={day(n)}',)).fetchone()
            db.execute('DROP VIEW IF EXISTS exam')
            db.execute(EXAM.format(day(n), day(n + 1)))
            (before,), (after,) = (db.execute(MRR, (version,)).fetchone() for version in ('active', 'newest'))
            gains.append((after - before) / before)
            if after >= before:
                db.execute("SELECT gru4rec_deploy('rec', ?)", (json.loads(summary)['version'],))
        db.close()
    print(f'{options}: {sum(gain >= 0 for gain in gains)} of {len(gains)} candidates won; MRR@20 {sum(gains) / len(gains):+.1%}')


if __name__ == '__main__':
    main(*sys.argv[1:])
