"""memory.py - short address space: what is trained and served says that memory is short, or gives the right result."""
import resource
import subprocess
from common import *

ROOM = (1, 12, 40, 100, 149, 155, 180, 290, 330, 700) if QUICK else range(0, 720, 6)  # MB; 700: for four threads
TRAIN = "SELECT json_extract(gru4rec_train('{}', '{}', '{}'), '$.loss')"
STATEMENTS = {
    'training, threads': TRAIN.format('t1', 'clicks', 'n_epochs=1, layers=64, n_sample=256, threads={}'),
    'training, all items': TRAIN.format('t2', 'clicks', 'n_epochs=1, layers=64, n_sample=all, threads={}'),
    'training, original cell': TRAIN.format('t3', 'clicks', 'n_epochs=1, layers=64, constrained_embedding=false, '
                                            'n_sample=64, validation=0.2, threads={}'),
    'training to blend': TRAIN.format('t4', 'clicks', 'n_epochs=1, layers=64, n_sample=64, blend=auto, validation=0.2, '
                                      'threads={}'),
    'all sessions': 'SELECT sum(item), sum(score) FROM rec WHERE rank <= 3',
    'one session': 'SELECT sum(item), sum(score) FROM rec WHERE session = 7 AND rank <= 3',
    'all sessions, original cell': 'SELECT sum(item), sum(score) FROM old WHERE rank <= 3',
    'scores, original cell': "SELECT gru4rec_score('old', '[1001, 1008, 1057]', 1008)",
    'state, original cell': "SELECT hex(gru4rec_state('old', item)) FROM (SELECT 1001 AS item UNION ALL SELECT 1002)",
    'explaining, original cell': "SELECT count(*), sum(contribution) FROM gru4rec_explain('old', '[1001, 1008]', 1057)",
    'evaluation': "SELECT recall, mrr FROM gru4rec_evaluate('rec', 'clicks')",
    'export': "SELECT length(gru4rec_export('rec'))",
}


def limited(path, extra, threads):
    """What the statements give, {name: [row or message, row without the limit]}, in a process that may map so many MB."""
    db = connect(path)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    result = {}
    for name, sql in STATEMENTS.items():
        sql = sql.replace('{}', str(threads))
        with open('/proc/self/statm') as f:
            mapped = int(f.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + extra * 1000000, hard))
        try:
            row = list(db.execute(sql).fetchone())
        except MemoryError:
            row = 'out of memory'
        except sqlite3.Error as e:
            row = str(e)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        result[name] = row
    result['afterwards'] = ranking(db)
    print(json.dumps(result))


def start(path, extra, threads):
    return subprocess.Popen([sys.executable, os.path.abspath(__file__), EXTENSION, path, str(extra), str(threads)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def receive(popen):
    try:
        return popen.communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        popen.kill()
        return popen.communicate()[0] + 'it hangs'


def sweep(directory, threads):
    path = f'{directory}/shop.db'
    db = make_shop(path, 'delete', clicks(200, 100), 'layers=64, n_sample=64, n_epochs=1')
    train(db, 'n_epochs=1')
    db.execute('CREATE VIRTUAL TABLE old USING gru4rec(clicks, layers=64, constrained_embedding=false, n_epochs=1)')
    train(db, 'n_epochs=1', 'old')
    db.close()
    right = json.loads(receive(start(path, 1000000, threads)))
    outcomes = {name: set() for name in STATEMENTS}
    for extra in ROOM:
        faulthandler.dump_traceback_later(LIMIT, exit=True)  # from now on
        shutil.copy(path, path + '.copy')
        text = receive(start(path + '.copy', extra, threads))
        try:
            rows = json.loads(text)
        except ValueError:
            check(f'{extra} MB, {threads} threads: ends', False, text)
            continue
        for name in STATEMENTS:
            is_short = 'out of memory' in rows[name]
            outcomes[name].add(is_short)
            check(f'{extra} MB, {threads} threads: {name}', is_short or rows[name] == right[name],
                  (rows[name], right[name]))
        check(f'{extra} MB, {threads} threads: afterwards', rows['afterwards'] == right['afterwards'])
    for name in 'training, threads', 'training, all items', 'all sessions', 'evaluation':
        check(f'{threads} threads: {name}: fails and succeeds', outcomes[name] == {True, False}, outcomes[name])
    print(f'{len(ROOM) * len(STATEMENTS)} points with {threads} threads')


if len(sys.argv) > 2:
    limited(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    sys.exit()
for n_threads in (1, 4) if QUICK else (1, 2, 3, 4, 9):
    run(sweep, n_threads)
finish()
