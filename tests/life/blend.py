"""blend.py - the sessions that a version blends with: which they are, against a plain program; damage of every kind, with
checksums that fit; other processes, databases and builds."""
import itertools
import struct
from common import *

BACKUP = 'restore the database from a backup or train again'
SHAPE = 'layers=8, n_sample=16, batch_size=64, n_epochs=1'
HEADER = 6  # words
CHUNK_WORDS = (1 << 20) // 4


# ---- what is kept ----

def stored(db, version):
    """The sessions of a version as [(time of the last event, [items])], with all that docs/storage.md says checked."""
    rows = db.execute('SELECT chunk, checksum, data FROM rec_blend WHERE version = ? ORDER BY chunk', (version,)).fetchall()
    check(f'version {version}: chunks are numbered, and full but for the last',
          [c for c, _, _ in rows] == list(range(len(rows))) and all(len(d) == 1 << 20 for _, _, d in rows[:-1]))
    check(f'version {version}: checksums', all(s == checksum('blend', c, d) for c, s, d in rows))
    data = b''.join(d for _, _, d in rows)
    magic, form, n_sessions, n_events = struct.unpack_from('<4sIQQ', data)
    check(f'version {version}: header', (magic, form) == (b'G4RB', 1) and len(data) == 4 * (HEADER + 3 * n_sessions + n_events))
    lengths = struct.unpack_from(f'<{n_sessions}I', data, 24)
    times = struct.unpack_from(f'<{n_sessions}d', data, 24 + 4 * n_sessions)
    rows = struct.unpack_from(f'<{n_events}I', data, 24 + 12 * n_sessions)
    items = [x for x, in db.execute('SELECT item FROM rec_item WHERE version = ? ORDER BY row', (version,))]
    check(f'version {version}: lengths', sum(lengths) == n_events)
    at = iter(rows)
    return [(time, [items[row] for row in itertools.islice(at, n)]) for time, n in zip(times, lengths)]


def latest(rows, n_most):
    """The same of events (session, item, time), by the plainest way."""
    sessions = {}
    for session, item, ts in sorted(rows, key=lambda e: (e[0], e[2])):  # and by rowid
        sessions.setdefault(session, []).append((ts, item))
    visited = sorted(sessions.items(), key=lambda s: (s[1][0][0], s[0]))
    by_age = sorted((events for _, events in visited), key=lambda events: events[-1][0])
    kept, n = [], 0
    for events in reversed(by_age):
        if n < n_most:
            kept.append((events[-1][0], [x for _, x in events][-(n_most - n):]))
            n += len(events)
    return kept[::-1]


def kept(directory):
    rng = random.Random(3)
    rows = [(s, x, t // 3 + rng.randrange(40)) for s, x, t in clicks(400, n_clicks=5)]
    db = make_shop(directory + '/shop.db', rows=rows, options=SHAPE)
    for version, n_most in enumerate((1, 4, 7, 1000, 1999, 2000, 10 ** 9), 1):
        summary = train(db, f'blend=1, blend_sessions={n_most}, keep_versions=99')
        check(f'{n_most} events: the latest', stored(db, version) == latest(rows, n_most))
        check(f'{n_most} events: in the summary', summary['blend_events'] == min(n_most, 2000), summary)
    check('whole', is_whole(db))
    # Night after night, with sessions that go on: as all at once.
    night = 2000
    for version in range(8, 12):
        old = [(rng.randrange(350, 400), 1000 + rng.randrange(300), night + rng.randrange(50)) for _ in range(30)]
        new = [(night + s, x, night + 50 + t) for s, x, t in clicks(20, n_clicks=3, seed=night)]
        db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', old + new)
        rows += old + new
        night += 200
        train(db, 'blend=1, warm_start=true, since=last, keep_versions=99')
        theirs, mine = stored(db, version), latest(rows, 10 ** 9)
        check(f'night {version}: each session once', sorted(theirs) == sorted(mine), (len(theirs), len(mine)))
        check(f'night {version}: in the order of their times', [t for t, _ in theirs] == [t for t, _ in mine])
    db.close()


# ---- damage ----

def said(path):
    db = connect(path)
    message = error(db, "SELECT * FROM gru4rec_recommend('rec', '[1001]', 5)")
    db.close()
    return message


def damaged(directory):
    """Several chunks; whatever is changed is found before it is used, by a process that has not loaded the version."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(30000, 500, 10), options=SHAPE)
    train(db, 'blend=1')
    n_words = HEADER + 3 * 30000 + 300000
    chunks = db.execute('SELECT chunk, data FROM rec_blend ORDER BY chunk').fetchall()
    check('two chunks', [len(d) // 4 for _, d in chunks] == [CHUNK_WORDS, n_words - CHUNK_WORDS])
    data = b''.join(d for _, d in chunks)
    before = ranking(db, is_relation=False)
    db.close()

    def put(changed):
        with_sums = [(i, checksum('blend', i, changed[at:at + (1 << 20)]), changed[at:at + (1 << 20)])
                     for i, at in enumerate(range(0, len(changed), 1 << 20))]
        plain = connect(path, is_loaded=False)
        plain.execute('PRAGMA synchronous = off')
        plain.execute('DELETE FROM rec_blend')
        plain.executemany('INSERT INTO rec_blend(version, chunk, checksum, data) VALUES (1, ?, ?, ?)', with_sums)
        plain.close()

    def words(at, *values):
        changed = bytearray(data)
        struct.pack_into(f'<{len(values)}I', changed, 4 * at, *values)
        return bytes(changed)

    def times(at, time):
        changed = bytearray(data)
        struct.pack_into('<d', changed, 4 * (HEADER + 30000 + 2 * at), time)
        return bytes(changed)

    rows = HEADER + 90000
    lengths, order, items = 'have impossible lengths', 'are not in the order of their times', \
        'have items that the version does not have'
    wrong, counts, form = 'are incomplete, or have a wrong size', 'have impossible counts', \
        'have a format that is not known'
    for what, changed, why in (
            ('magic', words(0, 0), form), ('format', words(1, 2), form),
            ('no sessions', words(2, 0, 0), wrong), ('no events', words(4, 0, 0), counts),
            ('as many sessions as can be', words(2, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), counts),
            ('2^62 sessions', words(2, 0, 1 << 30, 0, 1 << 30), counts),
            ('2^31 events', words(4, 1 << 31, 0), counts), ('2^31 - 1 events', words(4, (1 << 31) - 1, 0), wrong),
            ('one session more', words(2, 30001), wrong), ('three events instead', words(2, 29999, 0, 300003, 0), lengths),
            ('a session of none', words(HEADER + 5, 0), lengths),
            ('a long session', words(HEADER + 29999, 11), lengths), ('a short session', words(HEADER + 29999, 9), lengths),
            ('a session of 2^32 - 1', words(HEADER, 0xffffffff), lengths),
            ('a row that is too high', words(rows, 500), items), ('a row below 0', words(rows + 299999, 0xffffffff), items),
            ('the largest row', words(rows + 7, (1 << 31) - 1), items),
            ('no number', times(0, float('nan')), order), ('no number at the end', times(29999, float('nan')), order),
            ('an earlier time', times(500, -1.0), order), ('infinite', times(0, float('inf')), order),
            ('a byte less', data[:-1], wrong), ('a word less', data[:-4], wrong), ('a word more', data + bytes(4), wrong),
            ('the header alone', data[:24], wrong), ('half a header', data[:12], 'are missing'),
            ('nothing', b'', 'are missing'), ('a chunk alone', data[:1 << 20], wrong)):
        put(changed)
        message = said(path)
        check(f'{what}: found', message == f"gru4rec: model 'rec' is damaged: the sessions that version 1 blends with {why}; "
              f'{BACKUP}', message)
    put(data)
    plain = connect(path, is_loaded=False)
    plain.execute('UPDATE rec_blend SET chunk = 1 - chunk + 10')
    plain.execute('UPDATE rec_blend SET chunk = chunk - 10')
    plain.close()
    check('two chunks that changed places', form in said(path), said(path))
    put(data)
    plain = connect(path, is_loaded=False)
    plain.execute("UPDATE rec_blend SET data = CAST(x'01' || substr(data, 2) AS BLOB) WHERE chunk = 1")
    plain.close()
    check('a byte of the second chunk', 'do not match their checksum' in said(path), said(path))
    put(data)
    db = connect(path)
    check('put right, it is whole', is_whole(db) and ranking(db, is_relation=False) == before)
    db.close()


def short_of_memory(directory):
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(3000, 300, 10), options=SHAPE)
    needed = train(db, 'blend=auto, validation=0.1')['memory_bytes']
    least = train(db, 'blend=0, validation=0.1')['memory_bytes']
    check('auto needs more memory', needed > least + 500000, (needed, least))
    message = error(db, f"SELECT gru4rec_train('rec', 'blend=auto, validation=0.1, memory_limit={least + 100000}')")
    check('a limit below it is told before training', 'memory_limit' in message and 'keeps serving' in message, message)
    check('and no epoch was trained', value(db, 'SELECT count(*) FROM rec_epoch WHERE version > 2') == 0)
    check('a limit that it needs is enough', train(db, f'blend=auto, validation=0.1, memory_limit={needed + 1000000}')['blend'] >= 0)
    db.close()


# ---- other connections, processes and builds ----

def elsewhere(directory, journal):
    """A version that another process makes is picked up with its sessions; one that loads while it goes."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, options=SHAPE)
    train(db, 'blend=1')
    first = ranking(db)
    process = Process(path)
    process.train('blend=4, seed=2, keep_versions=1')
    process.summary()
    other = connect(path)
    check(f'{journal}: the new version, by both', ranking(db) == ranking(other) != first)
    check(f'{journal}: one version is kept', other.execute('SELECT DISTINCT version FROM rec_blend').fetchall() == [(2,)])
    attached = connect(directory + '/other.db')
    attached.execute('ATTACH ? AS shop', (path,))
    check(f'{journal}: attached', ranking(attached, 'shop.rec') == ranking(db))
    attached.execute('CREATE TABLE rec_blend(x)')
    check(f'{journal}: a table of another database is not in the way',
          train(attached, 'blend=1', 'shop.rec')['blend'] == 1 and value(attached, 'SELECT count(*) FROM rec_blend') == 0)
    attached.execute('DROP TABLE shop.rec')
    check(f'{journal}: dropped there, not here',
          attached.execute("SELECT name FROM shop.sqlite_schema WHERE name LIKE 'rec%'").fetchall() == [] and
          value(attached, 'SELECT count(*) FROM rec_blend') == 0)
    for connection in db, other, attached:
        connection.close()


def stop_after(db, n_calls, n_ops, sql):
    """The error of a statement that the progress handler stops at its call n_calls + 1, and the number of calls."""
    n = [0]

    def is_over():
        n[0] += 1
        return n[0] > n_calls
    db.set_progress_handler(is_over, n_ops)
    message = error(db, sql)
    db.set_progress_handler(None, 0)
    return message, n[0]


def stopped(directory):
    """A training, and a loading, that the host's progress handler stops at any moment; then each succeeds."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(1000, 300, 6), options=SHAPE)
    train(db, 'blend=1')
    sql = "SELECT gru4rec_train('rec', 'blend=auto, validation=0.3, warm_start=true, keep_versions=9')"
    _, n_calls = stop_after(db, 1 << 60, 500, sql)
    serving, n_moments = active(db), 20 if QUICK else 100
    for i in range(n_moments):
        calls = n_calls * i // n_moments if i % 2 else n_calls - 1 - i  # the end, where all of blend happens, more densely
        message, _ = stop_after(db, calls, 500, sql)
        if message == '':
            serving = active(db)
            continue
        check(f'{calls} calls: stopped', 'interrupted' in message and not db.in_transaction, message)
        if KEPT in message:  # all was done but the commit
            check(f'{calls} calls: committed later', train(db, 'resume=true')['version'] > serving)
            serving = active(db)
        check(f'{calls} calls: the version before serves', active(db) == serving and value(
            db, "SELECT count(*) FROM rec_blend WHERE version > ?", serving) == 0)
    check('whole', is_whole(db))
    db.close()
    n_stopped = 0
    for calls in itertools.count(0, 3):
        db = connect(path)
        message, _ = stop_after(db, calls, 50, "SELECT * FROM gru4rec_recommend('rec', '[1001]', 5)")
        later = error(db, "SELECT * FROM gru4rec_recommend('rec', '[1001]', 5)")
        db.close()
        if message == '':
            break
        n_stopped += 1
        check(f'loading, {calls} calls: stopped', 'interrupt' in message and later == '', (message, later))
    check('loading was stopped at many moments', n_stopped > 10, n_stopped)


def held_up(directory):
    """A commit that fails keeps the result with its sessions and its strength; what is in the way is told."""
    path = directory + '/shop.db'
    db = make_shop(path, options=SHAPE)
    train(db)
    options = 'blend=auto, validation=0.2, seed=3'
    wanted = train(db, options)['blend']
    db.execute("CREATE TRIGGER stop BEFORE INSERT ON rec_blend BEGIN SELECT raise(ABORT, 'no sessions today'); END")
    message = error(db, f"SELECT gru4rec_train('rec', '{options}')")
    check('kept', 'no sessions today' in message and KEPT in message, message)
    check('the version before it serves', active(db) == 2 and is_whole(db))
    db.execute('DROP TRIGGER stop')
    summary = train(db, 'resume=true')
    check('committed', (summary['version'], summary['blend']) == (3, wanted), summary)
    check('with the same sessions', value(db, 'SELECT count(DISTINCT data) FROM rec_blend') == (wanted > 0))
    db.execute('CREATE TRIGGER stop BEFORE INSERT ON rec_blend BEGIN SELECT raise(IGNORE); END')
    message = error(db, "SELECT gru4rec_train('rec', 'blend=1')")
    check('sessions that a trigger swallows are missed', 'not written correctly' in message, message)
    db.execute('DROP TRIGGER stop')
    db.execute('CREATE TRIGGER stop BEFORE DELETE ON rec_blend BEGIN SELECT raise(IGNORE); END')
    message = error(db, "SELECT gru4rec_train('rec', 'blend=1, keep_versions=1')")
    check('sessions that stay are missed', 'not written correctly' in message, message)
    db.execute('DROP TRIGGER stop')
    check('whole', is_whole(db))
    db.close()
    # The name is taken while the model is trained.
    db = make_shop(directory + '/taken.db', options=SHAPE)
    other = connect(directory + '/taken.db')
    training = Thread(error, db, "SELECT gru4rec_train('rec', 'blend=1, n_epochs=20, layers=64')")
    wait_for(other, "SELECT count(*) > 1 FROM rec_epoch")
    other.execute('CREATE TABLE rec_blend(mine)')
    message = training.join()
    check('taken meanwhile: kept', "a table 'rec_blend' exists" in message and KEPT in message, message)
    other.execute('ALTER TABLE rec_blend RENAME TO mine')
    check('taken meanwhile: committed', train(db, 'resume=true')['blend'] == 1 and is_whole(db))
    db.close()
    other.close()


def older(directory):
    """A model of each older format, which has no such table, blends from its next training on."""
    for name in sorted(os.listdir(HERE + '/../fixtures')):
        if not name.endswith('.db'):
            continue
        path = f'{directory}/{name}'
        shutil.copy(f'{HERE}/../fixtures/{name}', path)
        db = connect(path)
        models = [m for m, in db.execute("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%gru4rec%'")]
        check(f'{name}: has models', len(models) > 0)
        for model in models:
            check(f'{name}, {model}: no table before', value(
                db, 'SELECT count(*) FROM sqlite_schema WHERE name = ?', model + '_blend') == 0)
            message = error(db, f"SELECT gru4rec_train('{model}', 'blend=1, n_epochs=1')")
            if 'no source' in message:
                continue
            check(f'{name}, {model}: trained', message == '', message)
            check(f'{name}, {model}: blends', value(db, f'SELECT count(*) FROM "{model}_blend"') == 1 and is_whole(db, model))
            db.execute(f'ALTER TABLE "{model}" RENAME TO renamed')
            check(f'{name}, {model}: renamed', is_whole(db, 'renamed'))
            db.execute('DROP TABLE renamed')
        check(f'{name}: nothing is left', value(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%blend%'") == 0)
        db.close()


run(kept)
run(damaged)
run(short_of_memory)
for journal in SOME:
    run(elsewhere, journal)
run(stopped)
run(held_up)
run(older)
finish()
