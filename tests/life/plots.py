"""plots.py - gru4rec_plot(): every number in a picture equals the query that it stands for; what has no data says so;
texts of the user's are texts; colours that the colour-blind can tell apart; and no picture writes, or refers to anything."""
import hashlib
import math
import re
import xml.etree.ElementTree as ET
from common import *

SVG = '{http://www.w3.org/2000/svg}'
PICTURES = 'learning methods positions cutoffs lengths popularity days items trials'.split()
MEASURED = 'methods', 'positions', 'cutoffs'
DAY = 1714521600  # 2024-05-01


def plot(db, what, options=None, model='rec'):
    arguments = (model, what) if options is None else (model, what, options)
    return value(db, f"SELECT gru4rec_plot({', '.join('?' * len(arguments))})", *arguments)


PLAIN = sqlite3.connect(':memory:')


def number(x):
    """As ext_axis_value() writes it, with SQLite's rounding of halves."""
    return f'{x:.0f}' if x == math.floor(x) else value(PLAIN, "SELECT printf('%.4g', ?)", float(x))


def around(x, half):
    return '' if half is None else f' ({number(x - half)} to {number(x + half)})'


def numbers(svg):
    """The exact numbers of the marks, as the pointer shows them."""
    return [e.text for e in ET.fromstring(svg).iter(SVG + 'title')]


def words(svg):
    return [e.text for e in ET.fromstring(svg).iter(SVG + 'text')]


def text(svg):
    return ' '.join(words(svg))


def check_form(what, svg):
    """Well-formed, small, no script, nothing from outside, nothing that meets others in one page; text that can be read."""
    root = ET.fromstring(svg)
    check(f'{what}: one svg', root.tag == SVG + 'svg' and svg.startswith('<svg ') and svg.endswith('</svg>'))
    check(f'{what}: at most 500 KB', len(svg.encode()) <= 500_000, len(svg))
    check(f'{what}: plain elements', {e.tag[len(SVG):] for e in root.iter()} <= {'svg', 'style', 'rect', 'path', 'text', 'title'})
    names = {name for e in root.iter() for name in e.attrib}
    check(f'{what}: no references, ids or handlers', names <= {
        'class', 'd', 'x', 'y', 'width', 'height', 'rx', 'viewBox', 'role', 'aria-label'}, names)
    style = root.find(SVG + 'style').text
    check(f'{what}: style refers to nothing', not re.search(r'url|import|http|@font', style))
    used = {c for e in root.iter() for c in e.get('class', '').split()}
    check(f'{what}: classes of its own', all(c.startswith('g4r-') for c in used | set(re.findall(r'\.([a-z][\w-]*)', style))))
    width = float(root.get('viewBox').split()[2])
    sizes = [float(x) for x in re.findall(r'([\d.]+)px system-ui|font-size:([\d.]+)px', style) for x in x if x]
    check(f'{what}: 9 px in a page of 360 with margins', sizes and min(sizes) * 328 / width >= 9, sizes)
    for e in root.iter(SVG + 'text'):
        check(f'{what}: text inside', 0 <= float(e.get('x')) <= width and float(e.get('y')) <= float(root.get('height')), e.text)
    for d in (e.get('d') for e in root.iter(SVG + 'path')):
        check(f'{what}: coordinates have one decimal', not re.search(r'\.\d\d|nan|inf|e', d), d[:80])


def shop(directory, name='shop.db', options='layers=6, n_sample=8, n_epochs=3, validation=0.2, blend=0', n=120):
    db = connect(f'{directory}/{name}')
    db.execute('BEGIN')
    db.execute('CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER)')
    db.execute('CREATE TABLE later(session INTEGER, item INTEGER, ts INTEGER)')
    db.execute('CREATE TABLE products(id INTEGER, name TEXT, category TEXT)')
    rows = [(s, i, DAY + s * 4000 + t % 7 * 31 + (t % 7) ** 4) for s, i, t in clicks(n, 30, 7) if (s + t) % 5]
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', rows)
    db.executemany('INSERT INTO later VALUES (?, ?, ?)', [(s + 1000, i, t + n * 4000) for s, i, t in rows[:200]])
    db.executemany('INSERT INTO products VALUES (?, ?, ?)', [(1000 + i, f'item {i}', 'abcdefgh'[i % 8]) for i in range(30)])
    db.execute('COMMIT')
    db.execute(f'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, {options})')
    return db


# ---- numbers ----

def learning(db):
    expected = []
    for column in 'loss', 'recall', 'mrr':
        expected += [f'version {v}{" (active)" if v == 2 else ""}: {e}, {number(x)}' for v, e, x in db.execute(
            f'SELECT version, epoch, {column} FROM rec_epoch ORDER BY version, epoch')]
    check('learning: numbers', numbers(plot(db, 'learning')) == expected, expected)


def measures(db):
    baselines = 'pop/markov/item-knn/vs-knn'
    rows = db.execute(f"SELECT * FROM gru4rec_evaluate('rec', 'later', 'baselines={baselines}')")
    names = [c[0] for c in rows.description]
    rows = [dict(zip(names, row)) for row in rows]
    expected, beside = [], []
    for measure in 'recall', 'mrr', 'ndcg':
        for row in sorted((r for r in rows if r['k'] == 20), key=lambda r: r['method'] != 'gru4rec'):
            half = row[measure + '_ci']
            expected.append(f'{number(row[measure])}, {row["method"]}{around(row[measure], half)}')
            beside.append(f'{row[measure]:.3f} ± {half:.3f}')
    svg = plot(db, 'methods', 'test=later')
    check('methods: numbers', numbers(svg) == expected, (numbers(svg), expected))
    check('methods: texts', [w for w in words(svg) if '±' in w] == beside, words(svg))
    check('methods: note', f"{rows[0]['events']} targets of {rows[0]['sessions']} sessions" in text(svg))

    expected = []
    for measure in 'recall', 'mrr':
        for method in dict.fromkeys(r['method'] for r in rows):
            expected += [f'{method}: {r["k"]}, {number(r[measure])}{around(r[measure], r[measure + "_ci"])}'
                         for r in rows if r['method'] == method]
    check('cutoffs: numbers', numbers(plot(db, 'cutoffs', 'test=later')) == expected)

    expected = []
    for segment in 'position', 'popularity':
        for method, place, recall, half in db.execute(
                f"SELECT method, segment, recall, recall_ci FROM gru4rec_evaluate('rec', 'later', "
                f"'cutoffs=10,baselines=pop,segment={segment}') ORDER BY method <> 'gru4rec'"):
            expected.append(f'{method}: {place}, {number(recall)}{around(recall, half)}')
    svg = plot(db, 'positions', 'test=later,baselines=pop,cutoffs=10')
    check('positions: numbers', sorted(numbers(svg)) == sorted(expected), (numbers(svg), expected))
    for more in '', ',last_only=true', ',candidates=sample=5':
        events, sessions = db.execute(f"SELECT events, sessions FROM gru4rec_evaluate('rec', 'later', 'cutoffs=10{more}')").fetchone()
        for what in MEASURED:
            svg = plot(db, what, f'test=later,baselines=pop,cutoffs=10{more}')
            check(f'{what}{more}: note', f'{events} targets of {sessions} sessions; version 2.' in text(svg), text(svg))


def lengths(db):
    n = dict(db.execute('SELECT n, count(*) FROM (SELECT count(*) AS n FROM clicks GROUP BY session) WHERE n > 1 GROUP BY n'))
    expected = [f'{i}, {n.get(i, 0)}' for i in range(1, max(n) + 1)]
    ends = [(1, '1 s'), (10, '10 s'), (30, '30 s'), (60, '1 min'), (180, '3 min'), (600, '10 min'), (1800, '30 min'),
            (3600, '1 h'), (10800, '3 h'), (43200, '12 h'), (86400, '1 d'), (604800, '7 d'), (1e300, 'more')]
    pauses = [x for x, in db.execute('SELECT ts - lag(ts) OVER (PARTITION BY session ORDER BY ts) FROM clicks') if x is not None]
    low = -1
    for high, name in ends:
        expected.append(f'{name}, {sum(low < x <= high for x in pauses)}')
        low = high
    check('lengths: numbers', numbers(plot(db, 'lengths')) == expected, expected)
    db.execute("SELECT gru4rec_configure('rec', 'min_support=200')").fetchall()
    check('lengths: after preparation', 'left out' in text(plot(db, 'lengths')), text(plot(db, 'lengths')))
    db.execute("SELECT gru4rec_configure('rec', 'min_support=null')").fetchall()


def popularity(db):
    support = dict(db.execute("SELECT item, support FROM rec_item WHERE version = 2 ORDER BY support DESC, row"))
    rank = {item: i + 1 for i, item in enumerate(support)}
    lists = dict(db.execute("SELECT item, count(*) FROM rec WHERE rank <= 20 GROUP BY item"))
    expected = [f'events of the training: {rank[i]}, {support[i]}' for i in support if rank[i] <= 25 or rank[i] in (27, 29, 30)]
    expected += [f'lists of 20 with the item: {rank[i]}, {lists[i]}' for i in support if i in lists]
    svg = plot(db, 'popularity')
    got = [x for x in numbers(svg) if not x.startswith('of the')]
    check('popularity: numbers', got == expected, (got, expected))
    shares = [x for x in numbers(svg) if x.startswith('of the recommendations: 5,')]
    first = sum(lists.get(i, 0) for i in list(support)[:5])
    check('popularity: shares', shares == [f'of the recommendations: 5, {number(100 * first / sum(lists.values()))}'], (shares, first, sum(lists.values())))


def days(db):
    def bars(name, table, sessions):
        of = f'(SELECT min(ts) AS ts FROM {table} GROUP BY session)' if sessions else table
        n = dict(db.execute(f"SELECT date(ts, 'unixepoch'), count(*) FROM {of} GROUP BY 1"))
        first, last = db.execute(f"SELECT date(min(ts), 'unixepoch'), date(max(ts), 'unixepoch') FROM {table}").fetchone()
        range_ = "WITH d(d) AS (VALUES (?) UNION ALL SELECT date(d, '+1 day') FROM d WHERE d < ?) SELECT d FROM d"
        return [f'{name}: {d}, {n.get(d, 0)}' for d, in db.execute(range_, (first, last))]
    expected = bars('source', 'clicks', False) + bars('source', 'clicks', True)
    check('days: numbers', numbers(plot(db, 'days')) == expected, expected)
    both = [x for s in (False, True) for x in bars('source', 'clicks', s) + bars('test', 'later', s)]
    svg = plot(db, 'days', 'test=later')
    check('days: a test', numbers(svg) == both, both)
    check('days: windows', 'days of the training' in words(svg) and 'days of the test' in words(svg))
    for name, time in (('text', "datetime(ts, 'unixepoch')"), ('milliseconds', 'ts * 1000'), ('nanoseconds', 'ts * 1000000000')):
        source = f'(SELECT session, item, {time} AS time FROM clicks)'
        db.execute("SELECT gru4rec_train('other', ?, 'layers=2,n_epochs=1')", (source,)).fetchall()
        check(f'days: {name}', numbers(plot(db, 'days', model='other')) == expected)
        check(f'lengths: {name}', numbers(plot(db, 'lengths', model='other')) == numbers(plot(db, 'lengths')))
        db.execute('DROP TABLE other')


def components(rows):
    """Coordinates and shares of the first two principal components, by the plainest power iteration."""
    n, d = len(rows), len(rows[0])
    means = [sum(r[j] for r in rows) / n for j in range(d)]
    x = [[r[j] - means[j] for j in range(d)] for r in rows]
    s = [[sum(r[i] * r[j] for r in x) for j in range(d)] for i in range(d)]
    trace, found = sum(s[i][i] for i in range(d)), []
    for _ in range(2):
        v = [1 + 0.1 * i for i in range(d)]
        for _ in range(5000):
            w = [sum(a * b for a, b in zip(row, v)) for row in s]
            length = math.sqrt(sum(a * a for a in w))
            v = [a / length for a in w]
        v = [a if max(v, key=abs) > 0 else -a for a in v]
        found.append(([sum(a * b for a, b in zip(r, v)) for r in x], length / trace))
        s = [[s[i][j] - length * v[i] * v[j] for j in range(d)] for i in range(d)]
    return found


def items(db):
    ids = [i for i, in db.execute('SELECT item FROM rec_item WHERE version = 2 ORDER BY support DESC, row')]
    rows = [array.array('f', value(db, "SELECT gru4rec_embedding('rec', ?)", i)) for i in ids]
    (x, share_x), (y, share_y) = components(rows)
    svg = plot(db, 'items')
    got = [tuple(map(float, t.split(': ')[1].split(', '))) for t in numbers(svg) if t.startswith('items: ')]
    check('items: coordinates', len(got) == len(ids) and all(
        abs(a - b) < 2e-3 * max(map(abs, x)) for p, q in zip(got, zip(x, y)) for a, b in zip(p, q)), (got[:3], x[:3], y[:3]))
    for share in share_x, share_y:
        check('items: share of variance', f'{100 * share:.1f} % of the variance' in text(svg), text(svg))
    label = {'label': 'SELECT id, category FROM products', 'titles': 'SELECT id, name FROM products'}
    svg = plot(db, 'items', json.dumps(label))
    counts = [sum(t.startswith(c + ': ') for t in numbers(svg)) for c in 'abcdefgh']
    check('items: labels', counts == [4, 4, 4, 4, 4, 4, 0, 0], counts)
    check('items: others', sum(t.startswith('other or no label: ') for t in numbers(svg)) == 6)
    check('items: titles', any(re.fullmatch(r'item \d+', w) for w in words(svg)), words(svg))
    pairs = plot(db, 'items', 'label=(SELECT id, category FROM products), titles=(SELECT id, name FROM products WHERE id > 0)')
    check('items: name=value', pairs == svg)


def trials(db):
    tuned = json.loads(value(db, "SELECT gru4rec_tune('rec', ?)", json.dumps({
        'trials': 6, 'n_epochs': 2, 'space': {'layers': [4, 8], 'learning_rate': {'log': [0.01, 1]}, 'loss': ['bpr-max', 'cross-entropy']}})))
    svg = plot(db, 'trials')
    rows = db.execute('SELECT trial, epochs, objective, options FROM rec_trial WHERE trial > 0 AND objective IS NOT NULL '
                      'ORDER BY epochs, trial').fetchall()
    def name(epochs):
        return f'{epochs} epoch{"" if epochs == 1 else "s"}'
    expected = [f'{name(e)}: {t}, {number(o)}' for t, e, o, _ in rows]
    check('trials: by number', numbers(svg)[:len(rows)] == expected, (numbers(svg)[:len(rows)], expected))
    for option in 'layers', 'learning_rate', 'loss':
        for _, epochs, objective, options in rows:
            x = json.loads(options).get(option)
            if x is not None:
                x = number(x) if isinstance(x, float) else '/'.join(map(str, x)) if isinstance(x, list) else x
                check(f'trials: {option}', f'{name(epochs)}: {x}, {number(objective)}' in numbers(svg), (x, numbers(svg)))
    check('trials: the objective', words(svg).count('mrr@20') == 4 and 'The objective is mrr@20' in text(svg), words(svg))
    check('trials: panels', {'trial', 'learning_rate', 'loss'} <= set(words(svg)), (words(svg), tuned))


def all_numbers(directory):
    db = shop(directory)
    for seed in 1, 2:
        db.execute('SELECT gru4rec_train(?, ?)', ('rec', f'seed={seed}')).fetchall()
    for test in learning, measures, lengths, popularity, days, items, trials:
        test(db)
    for what in PICTURES:
        check_form(what, plot(db, what))
        if what in MEASURED:
            check_form(what + ' measured', plot(db, what, 'test=later'))
        check(f'{what}: the same again', plot(db, what) == plot(connect(directory + '/shop.db'), what))


def drawn_sessions(directory):
    db = shop(directory, n=1500, options='layers=4, n_sample=8, n_epochs=1')
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    def listed(svg):
        return sum(int(t.split(', ')[1]) for t in numbers(svg) if t.startswith('lists of 20'))
    svgs = [plot(db, 'popularity', f'seed={s}') for s in (1, 1, 2)]
    check('1,000 sessions are drawn', [listed(s) for s in svgs] == [20000] * 3, [listed(s) for s in svgs])
    check('by seed', svgs[0] == svgs[1] != svgs[2])


# ---- odd models ----

def says(db, what, expected, options=None):
    svg = plot(db, what, options)
    check_form(what, svg)
    check(f'{what} says {expected!r}', expected in text(svg), text(svg))


def refuses(db, what, expected, options=None):
    arguments = ('rec', what) if options is None else ('rec', what, options)
    message = error(db, f"SELECT gru4rec_plot({', '.join('?' * len(arguments))})", *arguments)
    check(f'{what}, {options}: {expected}', expected in message, message)


def little(directory):
    db = shop(directory, 'empty.db')
    db.execute('DELETE FROM clicks')
    says(db, 'lengths', 'There is no data')
    says(db, 'days', 'There is no data')
    db = shop(directory, 'untrained.db')
    says(db, 'learning', "Train it: gru4rec_train('rec')")
    says(db, 'trials', "gru4rec_tune('rec')")
    for what in MEASURED:
        says(db, what, '"test": "clicks_test"')
    for what in 'popularity', 'items':
        refuses(db, what, "run SELECT gru4rec_train('rec')")
    db.execute("SELECT gru4rec_train('rec', 'n_epochs=1')").fetchall()
    says(db, 'learning', 'loss')
    says(db, 'methods', 'held out')
    db.execute("SELECT gru4rec_train('rec', 'n_epochs=1, validation=0')").fetchall()
    file = value(db, "SELECT gru4rec_export('rec')")
    db.execute('UPDATE clicks SET ts = rowid')
    says(db, 'lengths', 'no known unit')
    refuses(db, 'days', 'are no dates')
    db = connect(':memory:')
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec')
    db.execute("SELECT gru4rec_import('rec', ?)", (file,)).fetchall()
    for what in 'lengths', 'days':
        says(db, what, 'no source of events')
    says(db, 'popularity', 'nothing is known of its recommendations')
    says(db, 'learning', 'No epoch is recorded')
    says(db, 'items', 'of the variance')


def one_item(directory):
    db = shop(directory)
    db.execute('UPDATE clicks SET item = 7')
    db.execute("SELECT gru4rec_train('rec', 'n_epochs=1, validation=0')").fetchall()
    says(db, 'items', 'do not differ')
    says(db, 'popularity', '1 of 1 items')
    for what in PICTURES:
        check_form(what, plot(db, what))


def many_items(directory):
    n = 12_000 if QUICK else 1_000_000
    db = connect(directory + '/many.db')
    db.execute('CREATE TABLE clicks(session, item, ts)')
    db.execute(f'WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < {2 * n - 1}) '
               f'INSERT INTO clicks SELECT i / 4, (i * 7919 % {2 * n}) / 2, {DAY} + i FROM n')
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=8, n_sample=8, batch_size=512, n_epochs=1)')
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    for what in PICTURES:
        check_form(f'{what} of {n} items', plot(db, what))
    says(db, 'items', f'of {n}.', '{"label":"SELECT item, item % 9 FROM clicks"}')


# ---- what is refused ----

def refused(directory):
    db = shop(directory)
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    refuses(db, 'nothing', "no picture 'nothing'; give one of learning, methods")
    refuses(db, None, "the picture's name is missing; give one of learning, methods")
    refuses(db, 'learning', 'learning does not use the option test', 'test=later')
    refuses(db, 'lengths', 'does not use the option baselines', 'baselines=pop')
    refuses(db, 'methods', 'does not use the option segment', 'test=later,segment=length')
    refuses(db, 'methods', 'does not use the option label', 'test=later,label=x')
    refuses(db, 'methods', 'is not measured', 'test=later,baselines=pop,vs_knn_k=3')
    refuses(db, 'methods', "no option 'tset'", 'tset=later')
    refuses(db, 'methods', 'no such table', 'test=nowhere')
    refuses(db, 'items', 'write label=(SELECT ...)', 'label=SELECT id, name FROM products')
    refuses(db, 'items', 'has 3 columns; give two', 'label=products')
    refuses(db, 'items', 'option titles: no such table', 'titles=nowhere')
    refuses(db, 'items', 'option label:', '{"label":"SELECT id, name FROM products WHERE"}')
    message = error(db, "SELECT gru4rec_plot('nobody', 'learning')")
    check('no such model', "no model 'nobody'" in message, message)


def in_views(directory):
    """With two arguments a view may call it, also where schemas are not trusted; with options, none may."""
    db = shop(directory)
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    db.execute('PRAGMA trusted_schema = 0')
    for what in PICTURES:
        db.execute(f"CREATE VIEW v AS SELECT gru4rec_plot('rec', '{what}') AS svg")
        check(f'{what} in a view', value(db, 'SELECT svg FROM v') == plot(db, what))
        db.execute('DROP VIEW v')
    db.execute("CREATE VIEW v AS SELECT gru4rec_plot('rec', 'methods', 'test=later') AS svg")
    message = error(db, 'SELECT svg FROM v')
    check('options in a view', 'unsafe use of gru4rec_plot' in message, message)
    # A source that a view may not read: neither may a picture read it.
    db.create_function('hosts', 1, lambda x: x)
    db.execute('CREATE VIEW odd AS SELECT hosts(session) AS session, item, ts FROM clicks')
    db.execute('PRAGMA trusted_schema = 1')
    db.execute("SELECT gru4rec_configure('rec', 'source=odd')").fetchall()
    db.execute('PRAGMA trusted_schema = 0')
    for sql in ("SELECT * FROM rec LIMIT 1", *(f"SELECT gru4rec_plot('rec', '{w}')" for w in ('lengths', 'popularity', 'days'))):
        message = error(db, sql)
        check(f'{sql}: the source is restricted', 'unsafe use of hosts()' in message, message)


def writes_nothing(directory):
    path = directory + '/shop.db'
    db = shop(directory)
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    db.close()
    def bits():
        with open(path, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()
    before = bits()
    for uri in f'file:{path}', f'file:{path}?mode=ro', f'file:{path}?immutable=1':
        db = connect(uri, uri=True)
        for what in PICTURES:
            check_form(what, plot(db, what, 'test=later' if what in MEASURED else None))
        check(f'{uri}: no change', db.total_changes == 0 and bits() == before)
        db.close()


# ---- texts ----

def odd_texts(directory):
    """What comes from the database is text, whatever it is."""
    odd = ['</text><script>alert(1)</script>', '"quoted" & \'so\'', '\U0001f600\U0001f468‍\U0001f469‍\U0001f467', 'שלום עולם',
           'tab\tand\nline', 'x' * 500, 'a\u0301 combining', ']]>', '<!--', '&amp;']
    db = shop(directory)
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    db.execute("UPDATE products SET name = 'bell ' || char(7) || CAST(x'ff41' AS TEXT), category = char(27)")
    for i, name in enumerate(odd):
        db.execute('UPDATE products SET name = ?, category = ? WHERE id = ?', (name, name, 1000 + i))
    svg = plot(db, 'items', '{"label":"SELECT id, category FROM products","titles":"SELECT id, name FROM products"}')
    check_form('odd texts', svg)
    drawn = [w for w in words(svg) if any(w == name or w.endswith('…') and name.startswith(w[:-1]) for name in odd)]
    check('odd texts are drawn as they are', len(set(drawn)) >= 6, words(svg))
    name = 'a\'b"<i>&\U0001f600 שלום'
    db.execute(f"""ALTER TABLE rec RENAME TO "{name.replace('"', '""')}" """)
    for what in PICTURES:
        svg = plot(db, what, model=name)
        check_form(f'{what} of an odd name', svg)
        check(f'{what}: the name is a text', name in ET.fromstring(svg).get('aria-label'))


# ---- colours ----

def linear(colour):
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def luminance(colour):
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear(colour)))


# What an eye sees that lacks one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1.
EYES = {
    'normal': ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    'protanopia': ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    'deuteranopia': ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    'tritanopia': ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def lab(rgb):
    matrix = (0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)
    xyz = [sum(a * b for a, b in zip(row, rgb)) / white for row, white in zip(matrix, (0.95047, 1, 1.08883))]
    x, y, z = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz]
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def colours(directory):
    style = ET.fromstring(plot(shop(directory), 'trials')).find(SVG + 'style').text
    light, dark = style.split('@media(prefers-color-scheme:dark)')
    for name, part in ('light', light), ('dark', dark):
        ground = (re.search(r'g4r-ground\{fill:(#\w+)', part)[1] + 'fff')[:7]
        series = re.findall(r'\.g4r-s\d\{stroke:(#\w{6})', part)
        check(f'{name}: seven colours, of lines as of areas', len(series) == 7 and
              series == re.findall(r'\.g4r-f\d\{fill:(#\w{6})', part), series)
        texts = [re.search(p, part)[1] for p in (r'text\{[^}]*fill:(#\w{6})', r'g4r-dim\{fill:(#\w{6})')]
        for colour, least in [(c, 3) for c in series] + [(c, 4.5) for c in texts]:
            a, b = sorted((luminance(colour), luminance(ground)))
            check(f'{name}: contrast of {colour}', (b + 0.05) / (a + 0.05) >= least, (b + 0.05) / (a + 0.05))
        for eye, matrix in EYES.items():
            seen = [lab([min(max(sum(a * b for a, b in zip(row, linear(c))), 0), 1) for row in matrix]) for c in series]
            for i, a in enumerate(seen):
                for b in seen[:i]:
                    check(f'{name}, {eye}: colours differ', math.dist(a, b) >= 30, (series[i], math.dist(a, b)))


for test in (all_numbers, drawn_sessions, little, one_item, many_items, refused, in_views, writes_nothing, odd_texts, colours):
    run(test)
finish()
