"""gate.py - a candidate is measured by one process while another serves the active version and a
third inserts; versions come, go back and are retired under connections that hold them."""
import subprocess

from common import *

OTHER = '''
import sys, json, os
sys.path.insert(0, os.path.dirname(sys.argv[3]))
import gate
json.dump(getattr(gate, sys.argv[4])(sys.argv[2], sys.argv[5]), sys.stdout)
'''
SCORE = "SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1008, 1057]', 5)"
MEASURE = "SELECT mrr FROM gru4rec_evaluate('rec', 'yesterday', 'cutoffs=20, version={}')"


# ---- what other processes do until the file stop is there ----

def serve(path, stop):
    """The answers, each with the version that was active before and after it. The file stop and
    that version is there once it has served."""
    db = connect(path, timeout=60)
    answers = []
    while not os.path.exists(stop):
        before = active(db)
        rows = db.execute(SCORE).fetchall()
        answers.append((before, rows, active(db)))
        open(f'{stop}{before}', 'w').close()
        time.sleep(0.005)
    return answers


def insert(path, stop):
    """How many rows went in, and the longest that one took."""
    db = connect(path, timeout=60, is_loaded=False)
    n, longest = 0, 0
    while not os.path.exists(stop):
        start = time.monotonic()
        db.execute('INSERT INTO clicks VALUES (?, ?, ?)', (10**6 + n // 4, 1000 + n % 50, 10**9 + n))
        longest = max(longest, time.monotonic() - start)
        n += 1
        time.sleep(0.005)
    return n, longest


def wait_served(stop, version):
    end = time.monotonic() + 60
    while not os.path.exists(f'{stop}{version}') and time.monotonic() < end:
        time.sleep(0.01)


def start_other(path, role, stop):
    return subprocess.Popen([sys.executable, '-c', OTHER, EXTENSION, path, os.path.abspath(__file__), role, stop],
                            stdout=subprocess.PIPE, text=True)


# ---- tests ----

FAST = 'n_epochs=1, batch_size=256'  # where only the size of a model matters


def gate(directory, journal):
    path, stop = directory + '/shop.db', directory + '/stop'
    db = make_shop(path, journal, rows=clicks(3000, 1000))
    db.execute('CREATE VIEW yesterday AS SELECT * FROM clicks WHERE session BETWEEN 2000 AND 2999')
    train(db, 'n_epochs=1, learning_rate=0.001')
    truth = {1: db.execute(SCORE).fetchall()}
    before = value(db, 'SELECT count(*) FROM clicks')
    server, inserter = (start_other(path, role, stop) for role in ('serve', 'insert'))
    wait_for(db, f'SELECT count(*) > {before} FROM clicks')
    wait_served(stop, 1)

    gate = Process(path, timeout=60)
    summary = json.loads(gate.do("SELECT gru4rec_train('rec', 'n_epochs=3, activate=false')")[0][0])
    check(f'{journal}: the candidate is not active', summary['version'] == 2 and summary['active'] is False and
          active(db) == 1, summary)
    mrr = {v: gate.do(MEASURE.format(v))[0][0] for v in ('active', 'newest')}
    check(f'{journal}: it is better', mrr['newest'] > mrr['active'], mrr)
    check(f'{journal}: nobody deployed it', active(db) == 1)
    truth[2] = gate.do(SCORE.replace(', 5)', ', 5, 0, NULL, 2)'))
    truth[2] = [tuple(row) for row in truth[2]]
    check(f'{journal}: the best on one source is that one',
          gate.do("SELECT gru4rec_deploy('rec', 'best', 'yesterday')") == [[2]] and active(db) == 2)
    wait_served(stop, 2)
    os.unlink(stop + '1')
    check(f'{journal}: back again', gate.do("SELECT gru4rec_deploy('rec', 'previous')") == [[1]])
    wait_served(stop, 1)

    open(stop, 'w').close()
    answers = json.loads(server.communicate()[0])
    n, longest = json.loads(inserter.communicate()[0])
    check(f'{journal}: serving and inserting went well', server.returncode == 0 and inserter.returncode == 0)
    check(f'{journal}: no event is lost', value(db, 'SELECT count(*) FROM clicks') == before + n and n > 20, n)
    known = {v: json.dumps(rows) for v, rows in truth.items()}
    wrong = [(a, b) for a, rows, b in answers if json.dumps(rows) not in (known[a], known[b])]
    check(f'{journal}: every answer is of a version active then', not wrong and known[1] != known[2], wrong[:5])
    check(f'{journal}: both were asked', {a for a, _, _ in answers} == {1, 2}, len(answers))
    check(f'{journal}: the file is whole', is_whole(db))


def no_lock(directory, journal):
    """While gru4rec_deploy() measures versions, others write as if it were not there."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(4000, 2000))
    for _ in range(2):
        train(db, FAST)
    other = Process(path)
    other.send("SELECT gru4rec_deploy('rec', 'best', 'clicks')")
    writer = connect(path, timeout=0)
    written, refused = [], 0
    start = time.monotonic()
    while not other.is_done():
        if error(writer, 'INSERT INTO notes VALUES (1)') == '':
            written.append(time.monotonic() - start)
        else:
            refused += 1
        time.sleep(0.002)
    took = time.monotonic() - start
    check(f'{journal}: it ends', other.receive()[0][0] in (1, 2))
    late = [t for t in written if t > took / 2]
    check(f'{journal}: writes go through meanwhile', len(late) > 3, (took, len(written), len(late), refused))


def retired_meanwhile(directory, journal):
    """A connection holds a version by number, another process retires it: the next query says so."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(200), options='layers=32, n_sample=64')
    train(db)
    by_number = "SELECT gru4rec_score('rec', '[1001]', 1005, 1)"
    old = value(db, by_number)
    other = Process(path)
    other.do("SELECT gru4rec_train('rec', 'n_epochs=1, seed=2')")
    check(f'{journal}: it is there', value(db, by_number) == old)
    other.do("SELECT gru4rec_train('rec', 'n_epochs=1, seed=3')")
    message = error(db, by_number)
    check(f'{journal}: it is retired', 'no kept version 1 that is ready (ready versions: 2, 3), because it is retired' in message, message)
    words = [value(db, f"SELECT gru4rec_score('rec', '[1001]', 1005, '{w}')") for w in ('previous', 'active', 'newest')]
    numbers = [value(db, f"SELECT gru4rec_score('rec', '[1001]', 1005, {v})") for v in (2, 3, 3)]
    check(f'{journal}: words are looked up anew', words == numbers and len(set(words)) == 2, (words, numbers))
    other.do("SELECT gru4rec_deploy('rec', 2)")
    words = [value(db, f"SELECT gru4rec_score('rec', '[1001]', 1005, '{w}')") for w in ('active', 'newest')]
    check(f'{journal}: also after going back', words == numbers[:2])
    check(f'{journal}: none before it', 'no kept version before the active one' in
          error(db, "SELECT gru4rec_score('rec', '[1001]', 1005, 'previous')"))

    # a file that is put back: same numbers, other runs. Who closes it last brings the WAL into it
    other.kill()
    db.close()
    shutil.copy(path, path + '.old')
    db = connect(path)
    train(db, 'n_epochs=1, seed=4')
    newer = value(db, "SELECT gru4rec_score('rec', '[1001]', 1005, 'newest')")
    db.close()
    shutil.copy(path + '.old', path)
    db = connect(path)
    train(db, 'n_epochs=1, seed=5')
    check(f'{journal}: a file that was put back', value(db, "SELECT gru4rec_score('rec', '[1001]', 1005, 4)") != newer and
          value(db, "SELECT gru4rec_score('rec', '[1001]', 1005, 'newest')") ==
          value(db, "SELECT gru4rec_score('rec', '[1001]', 1005, 4)"))
    db.close()


def memory_is_bounded(directory):
    """A connection that asks for many versions keeps few of them."""
    path = directory + '/shop.db'
    n = 8
    db = make_shop(path, rows=clicks(1000, 3000), options=f'layers=256, n_sample=64, keep_versions={n}')
    for i in range(n):
        train(db, f'{FAST}, seed={i}, validation=0')
    value(db, "SELECT gru4rec_score('rec', '[1001]', 1005)")
    size = json.loads(value(db, "SELECT gru4rec_info('rec')"))['memory_bytes']
    db.close()
    other = Process(path)
    sql = "SELECT count(*) FROM rec_version AS v JOIN gru4rec_recommend('rec', '[1001]', 3) AS r ON r.version = v.version"

    def resident():
        with open(f'/proc/{other.pid}/statm') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    other.do("SELECT gru4rec_score('rec', '[1001]', 1005)")
    one = resident()
    rows = other.do(sql)
    check('all were asked', rows == [[3 * n]], rows)
    for _ in range(5):
        other.do(sql)
    grown = resident() - one
    check('four models at most stay, and one that comes', size > 5e6 and grown < 4.5 * size, (grown / size, size))


def stopped(directory):
    """Ctrl-C stops the measuring; nothing is deployed."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(8000, 3000))
    for _ in range(2):
        train(db, FAST)
    db.execute("SELECT gru4rec_deploy('rec', 1)").fetchall()
    timer = threading.Timer(0.3, db.interrupt)
    timer.start()
    start = time.monotonic()
    message = error(db, "SELECT gru4rec_deploy('rec', 'best', 'clicks')")
    took = time.monotonic() - start
    check('interrupted', 'interrupted' in message, message)
    check('soon', took < 2, took)
    check('nothing is deployed', active(db) == 1)
    db.set_progress_handler(lambda: 1, 1000)
    message = error(db, "SELECT gru4rec_deploy('rec', 'best', 'clicks')")
    db.set_progress_handler(None, 0)
    check('by a progress handler too', 'interrupted' in message and active(db) == 1, message)
    db.execute('CREATE VIRTUAL TABLE small USING gru4rec(clicks, n_epochs=1, layers=4, n_sample=8)')
    train(db, 'memory_limit=100000000', model='small')
    db.execute("UPDATE small_version SET options = json_set(options, '$.memory_limit', 100000)")
    db.execute("DELETE FROM small_config WHERE key LIKE 'checksum:%'")
    message = error(db, "SELECT gru4rec_deploy('small', 'best', 'clicks')")
    check('within the limit of memory', 'memory_limit' in message, message)
    check('it goes on', db.execute("SELECT gru4rec_deploy('rec', 'best', 'SELECT * FROM clicks WHERE session < 100')").fetchone()[0] in (1, 2))


if __name__ == '__main__':
    for journal in JOURNALS:
        run(gate, journal)
    for journal in JOURNALS:
        run(no_lock, journal)
    for journal in SOME:
        run(retired_meanwhile, journal)
    run(memory_is_bounded)
    run(stopped)
    finish()
