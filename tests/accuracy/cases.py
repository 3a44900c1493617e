"""cases.py - how each table of figures of the pages was measured: for each cell the set, options, seeds and query.

A case is a function of its table (pages.py), which yields Figure(label, text, expected, spread, seeds, questions,
combine): combine gets a list for each question, with what each seed gives. What is expected stands in the page.
"""
import collections
import math
import re
import statistics

from measure import ALL, KNN, PLAIN, Question
from pages import numbers, plain

# least: what a measurement must reach, whatever the page says.
Figure = collections.namedtuple('Figure', 'label text expected spread seeds questions combine least', defaults=(0,))
CASES = {}
# Why a table cannot be repeated with this version.
LOST = {
    'merge-rules': 'the code has only the first of these rules of merging',
    'warm-start': 'how sessions were cut at the ends of the days was not recorded; sessions that end before the 15th and 16th '
                  'give the counts of the table to within 0.4 %',
    'support-nights': 'which days the nights were was not recorded',
}
ONE, TWO, THREE, DEFAULT = (1,), (1, 2), (1, 2, 3), (42,)
# How far another seed, or other kernels, which round otherwise, move Recall@20 and MRR@20: by logs, for one training.
SEEDS_MOVE = {'rsc15': .008, 'diginetica': .005, 'globo': .014}
ROUNDED = .00006  # what has no chance in it may differ by its last digit
EARLIER = 'batch_size=64,learning_rate=0.07,dropout_p_embed=0.3,dropout_p_hidden=0.2,blend=0'
EPOCHS = {'rsc15': 10, 'diginetica': 3, 'globo': 3}
TRAINED = 'gru4rec', 'gru4rec-network', 'model'
FIELD = {'Recall@20': 'recall', 'MRR@20': 'mrr'}


def case(name):
    def keep(function):
        CASES[name] = function
        return function
    return keep


def log_of(name):
    return re.match('rsc15|diginetica|globo', name).group()


def spread_of(name, method, seeds):
    return SEEDS_MOVE[log_of(name)] / math.sqrt(len(seeds)) if method.split(' ')[0] in TRAINED else ROUNDED


def single(label, text, expected, name, options, seeds, method, field, query=PLAIN):
    digits = len(text.partition('.')[2])
    spread = max(spread_of(name, method, seeds), .55 * 10 ** -digits) if digits else max(2, .15 * expected)
    return Figure(label, text, expected, spread, seeds, [Question(name, options, query, method, field)], mean)


def mean(values):
    return statistics.mean(values[0])


def several(label, cell, name, options, seeds, method='gru4rec', fields=('recall', 'mrr'), query=PLAIN):
    """A cell with some figures: '.6750 / .3588', '0.7126 ± 0.0123'."""
    for field, (text, expected) in zip(fields, numbers(cell)):
        yield single(f'{label} {field}', text, expected, name, options, seeds, method, field, query)


def epochs(name):
    return f'n_epochs={EPOCHS[log_of(name)]}'


def joined(*options):
    return ','.join(filter(None, options))


# ---- the model beside simple methods ----

@case('readme')
def readme(table):
    ours = {'this, with its defaults': 'gru4rec', 'its network alone (blend=0)': 'gru4rec-network'}
    columns = [(name, field) for name in ('rsc15', 'diginetica') for field in ('recall', 'mrr')]
    for label, *row in table.rows[1:]:
        label = plain(label)
        method = ours.get(label) or re.search(r'\(([\w-]+)\)$', label).group(1)
        for (name, field), cell in zip(columns, row):
            yield from several(f'{name} {label}', cell, name, '', DEFAULT, method, (field, field + '_ci'), ALL)


def methods_table(name, table):
    for method, *row in table.rows:
        for column, cell in zip(table.columns[1:], row):
            yield from several(plain(method), cell, name, '', DEFAULT, plain(method), (column, column + '_ci'), ALL)


@case('evaluating-rsc15')
def evaluating_rsc15(table):
    return methods_table('rsc15', table)


@case('evaluating-diginetica')
def evaluating_diginetica(table):
    return methods_table('diginetica', table)


def spread_compared(figure, name, column, method):
    if column == 'p':
        return .05
    if '.' not in figure.text:
        return figure.spread
    return spread_of(name, method if column == 'b' else 'gru4rec', DEFAULT)


@case('comparing')
def comparing(table):
    fields = ('a',), ('b',), ('difference',), ('low', 'high'), ('p',), ('wins', 'losses', 'ties')
    for name, method, measure, *row in table.rows:
        method = plain(method)
        for names, cell in zip(fields, row):
            for figure in several(f'{name} {method} {measure}', cell, name, '', DEFAULT, measure, names, f'compare {method}'):
                yield figure._replace(spread=spread_compared(figure, name, names[0], method))


SEEN = 'cutoffs=20,segment=seen'
OTHERS = 'exclude_seen=true'


@case('new-items')
def new_items(table):
    """The head of a column has the number of its targets: "`same`: 2,626"."""
    both, bounded = ('recall', 'mrr'), ('recall', 'recall_ci', 'mrr', 'mrr_ci')
    kinds = {'new, with exclude_seen=true': (' new', bounded, f'{SEEN},{OTHERS}'),
             'all, with exclude_seen=true': ('', bounded, f'cutoffs=20,{OTHERS}')}
    for column in table.columns[1:]:
        kind, _, count = plain(column).partition(': ')
        if count:
            kinds[plain(column)] = f' {kind}', both, SEEN
            events, = several(plain(column), count, 'rsc15', '', DEFAULT, f'gru4rec {kind}', ('events',), f'evaluate {SEEN},baselines=all')
            yield events._replace(spread=0)
    for method, *row in table.rows:
        for column, cell in zip(table.columns[1:], row):
            segment, fields, query = kinds[plain(column)]
            yield from several(f'{plain(method)}: {plain(column)}', cell, 'rsc15', '', DEFAULT, plain(method) + segment, fields,
                               f'evaluate {query},baselines=all')


@case('new-items-compared')
def new_items_compared(table):
    kinds = {'all': ('', ''), 'new, with exclude_seen=true': (' new', f' segment=seen,{OTHERS}')}
    for method, targets, *row in table.rows:
        segment, options = kinds[plain(targets)]
        for column, cell in zip(table.columns[2:], row):
            for figure in several(f'{plain(method)}, {plain(targets)}: {column}', cell, 'rsc15', '', DEFAULT, FIELD[column] + segment,
                                  ('difference', 'low', 'high'), f'compare {plain(method)}{options}'):
                yield figure._replace(spread=spread_of('rsc15', 'gru4rec', DEFAULT))


@case('own-list')
def own_list(table):
    for targets, method, *row in table.rows:
        for column, cell in zip(table.columns[2:], row):
            field, label = FIELD[column], f'{method} {targets}'
            yield from several(f'{label}: {column}', cell, 'rsc15', '', DEFAULT, label, (field, field + '_ci'), 'own-list')


# ---- the defaults ----

def held_grid(columns, rows, options_of, seeds):
    """Rows are options, columns the four sets of held-out sessions, the last one perhaps the mean of ln(Recall x MRR)."""
    held = {'rsc15': 'rsc15-held', 'diginetica': 'diginetica-held', 'globo 1': 'globo1-held', 'globo 2': 'globo2-held'}
    for label, *row in rows:
        options, method = options_of(plain(label))
        for column, cell in zip(columns[1:], row):
            if column in held:
                name = held[column]
                yield from several(f'{plain(label)}: {column}', cell, name, joined(options, epochs(name)), seeds, method)
            else:
                questions = [Question(name, joined(options, epochs(name)), PLAIN, method, field)
                             for name in held.values() for field in ('recall', 'mrr')]
                (text, expected), = numbers(cell)
                yield Figure(f'{plain(label)}: {column}', text, expected, .02, seeds, questions,
                             lambda values: sum(math.log(statistics.mean(v)) for v in values) / len(held))


@case('batch-size')
def batch_size(table):
    def options(label):
        batch, rate = re.findall(r'[\d.]+', label)[:2]
        return f'batch_size={batch},learning_rate={rate},dropout_p_embed=0.3,dropout_p_hidden=0.2,blend=0', 'gru4rec'
    return held_grid(table.columns, table.rows, options, DEFAULT)


@case('dropouts')
def dropouts(table):
    def options(label):
        embed, hidden = re.findall(r'[\d.]+', label)
        return f'batch_size=128,learning_rate=0.1,dropout_p_embed={embed},dropout_p_hidden={hidden},blend=0', 'gru4rec'
    return held_grid(table.columns, table.rows, options, DEFAULT)


@case('finalists')
def finalists(table):
    chosen = 'batch_size=128,learning_rate=0.1,dropout_p_embed=0.2,dropout_p_hidden=0.2'
    options = {
        '64, 0.07, dropouts 0.3, 0.2': EARLIER,
        '128, 0.1, dropouts 0.3, 0.2': 'batch_size=128,learning_rate=0.1,dropout_p_embed=0.3,dropout_p_hidden=0.2,blend=0',
        '128, 0.1, dropouts 0.2, 0.2': f'{chosen},blend=0',
        'the same, blend=0.25': f'{chosen},blend=0.25',
        'the same, blend=0.5': f'{chosen},blend=0.5',
    }
    *networks, (_, *neighbours) = table.rows
    yield from held_grid(table.columns, networks, lambda label: (options[label], 'gru4rec'), THREE)
    for name, cell in zip(('rsc15-held', 'diginetica-held', 'globo1-held', 'globo2-held'), neighbours):
        yield from several(f'vs-knn: {name}', cell, name, joined('blend=0', epochs(name)), ONE, 'vs-knn', query=KNN)


@case('losses')
def losses(table):
    for loss, kind, *row in table.rows:
        current = plain(loss) or current
        for name, cell in zip(('rsc15-held', 'globo1-held'), row):
            for blend, pair in zip(('0',) if kind == 'network' else ('0.25', '0.5'), cell.split(',')):
                options = f'loss={current},blend={blend},{epochs(name)}'
                yield from several(f'{current}, blend={blend}: {name}', pair, name, options, ONE)


SMALL = ('space={"layers":[96,128,192],"batch_size":[64,96,128,192,256],"learning_rate":{"log":[0.05,0.2]},'
         '"dropout_p_embed":{"linear":[0,0.5],"step":0.05},"dropout_p_hidden":{"linear":[0,0.5],"step":0.05},'
         '"momentum":{"linear":[0,0.4],"step":0.1},"sample_alpha":{"linear":[0,1],"step":0.1}}')
TUNED = {'rsc15, 10 epochs': 'rsc15', 'diginetica, 3 epochs': 'diginetica', 'globo, 3 October, 3 epochs': 'globo-3',
         'globo, 10 October, 3 epochs': 'globo-10'}


@case('tunings')
def tunings(table):
    for label, space, _, _, gain in table.rows:
        name = TUNED[label]
        query = joined('tune trials=40,blend=0', epochs(name), SMALL if space == 'small' else '')
        yield from several(label, gain, name, '', ONE, 'mrr', ('difference',), query)


@case('test-sets')
def test_sets(table):
    names = 'rsc15', 'diginetica', 'globo1', 'globo2'
    for label, *row in table.rows:
        for name, cell in zip(names, row):
            yield from test_set(plain(label), name, cell)


def test_set(label, name, cell):
    where, options = f'{label}: {name}', joined('', epochs(name))
    if label.startswith('both: Recall'):
        for (text, expected), best in zip(numbers(cell), (min, max)):
            figure = single(f'{where} {best.__name__}', text, expected, name, options, THREE, 'gru4rec', 'recall')
            yield figure._replace(spread=SEEDS_MOVE[log_of(name)], combine=lambda values, best=best: best(values[0]))
    elif label.startswith('neighbours'):
        yield from several(where, cell, name, options, ONE, 'vs-knn', query=KNN)
    elif label.startswith('half'):
        yield from several(where, cell, name, options, ONE, fields=('recall_ci', 'mrr_ci'))
    elif label.startswith('the earlier'):
        yield from several(where, cell, name, joined(EARLIER, options), THREE)
    else:
        yield from several(where, cell, name, options, THREE, 'gru4rec-network' if label.startswith('network') else 'gru4rec')


@case('tuned')
def tuned(table):
    found = {
        'rsc15': 'loss=bpr-max,layers=256,batch_size=144,learning_rate=0.042,momentum=0.45,dropout_p_embed=0.45,'
                 'dropout_p_hidden=0.35,sample_alpha=0.4,bpreg=0.9,elu_param=0',
        'diginetica': 'layers=128,batch_size=96,learning_rate=0.1,momentum=0.1,dropout_p_embed=0,'
                      'dropout_p_hidden=0.3,sample_alpha=0.1',
        'globo-3': 'layers=192,batch_size=192,learning_rate=0.057,momentum=0.4,dropout_p_embed=0.05,'
                   'dropout_p_hidden=0.4,sample_alpha=0.6',
        'globo-10': 'layers=128,batch_size=128,learning_rate=0.1,momentum=0.2,dropout_p_embed=0.05,'
                    'dropout_p_hidden=0.3,sample_alpha=0.1',
    }
    for label, *row in table.rows:
        for name, cell in zip(found, row):
            options = joined(found[name] if label == 'tuned' else '', 'blend=0', epochs(name))
            yield from several(f'{label}: {name}', cell, name, options, THREE)


@case('diginetica-ten')
def diginetica_ten(table):
    options = {'network': '', 'neighbours': '', 'both': '', 'tuned for 3 epochs': 'blend=0,layers=128,batch_size=96,momentum=0.1,'
               'dropout_p_embed=0,dropout_p_hidden=0.3,sample_alpha=0.1'}
    methods = {'network': 'gru4rec-network', 'neighbours': 'vs-knn'}
    for label, cell in table.rows:
        label = plain(label)
        is_tuned = label.startswith('tuned')
        query = KNN if label == 'neighbours' else PLAIN
        seeds = ONE if label == 'neighbours' else TWO if is_tuned else THREE
        yield from several(label, cell, 'diginetica', options[label], seeds, methods.get(label, 'gru4rec'), query=query)


# ---- other implementations, earlier defaults, variants ----

XENT = 'preset=official,loss=cross-entropy,logq=1,sample_alpha=0.75,learning_rate=0.1'
OFFICIAL = {
    'A': f'{XENT},layers=100,batch_size=32,dropout_p_embed=0.1',
    'B': 'preset=official,loss=bpr-max,layers=224,batch_size=80,dropout_p_embed=0.5,dropout_p_hidden=0.05,learning_rate=0.05,'
         'momentum=0.4,sample_alpha=0.4,bpreg=1.95,elu_param=0.5',
    'C': f'{XENT},layers=100,batch_size=32,constrained_embedding=false,embedding=0',
    'D': f'{XENT},layers=100,batch_size=32,dropout_p_embed=0.1,embedding=100',
    'E': f'{XENT},layers=100/100,batch_size=64,dropout_p_embed=0.1',
}


# Just under what the official implementation gets: Recall@20, MRR@20.
LEAST = {'A': (.660, .337), 'B': (.680, .358), 'C': (.605, .297), 'D': (.608, .302), 'E': (.645, .325)}


@case('official')
def official(table):
    """The columns "official" are another program's, and are only compared with."""
    for label, recall, _, mrr, _ in table.rows:
        for field, cell, least in zip(('recall', 'mrr'), (recall, mrr), LEAST[label[0]]):
            for figure in several(label[0], cell, 'rsc15', OFFICIAL[label[0]], THREE, fields=(field,)):
                yield figure._replace(least=least)


WIDTHS = {  # set and seeds, epochs
    'rsc15': ('rsc15', (1, 2, 3, 4, 5), 10), 'diginetica': ('diginetica', THREE, 3), 'globo': ('globo-8', THREE, 5)}
# of 1 - 0.05 / 2, by the number of pairs
STUDENT = {3: 4.303, 5: 2.776}


def differences(values):
    return [b - a for a, b in zip(*values)]


def half_width(values):
    return STUDENT[len(values[0])] * statistics.stdev(differences(values)) / math.sqrt(len(values[0]))


PAIRED = (lambda values: statistics.mean(differences(values)),
          lambda values: statistics.mean(differences(values)) - half_width(values),
          lambda values: statistics.mean(differences(values)) + half_width(values))


@case('precision')
def precision(table):
    """bfloat16 less float32, in pairs with the same seed: mean and 95 % interval (Student's t)."""
    losses = {'cross-entropy': 'loss=cross-entropy,blend=0', 'bpr-max': OFFICIAL['B'].partition(',')[2].replace('layers=224,', '') + ',blend=0'}
    for label, *row in table.rows:
        log, width, loss = label.split(', ')
        name, seeds, n_epochs = WIDTHS[log]
        options = {p: f'{losses[loss]},layers={width},n_epochs={n_epochs},precision={p}' for p in ('float32', 'bfloat16')}
        for p, cell in zip(options, row):
            yield from several(f'{label}: {p}', cell, name, options[p], seeds)
        for field, cell in zip(('recall', 'mrr'), row[2:]):
            questions = [Question(name, options[p], PLAIN, 'gru4rec', field) for p in options]
            for combine, (text, expected) in zip(PAIRED, numbers(cell)):
                yield Figure(f'{label}: {field}, difference', text, expected, spread_of(log, 'gru4rec', seeds), seeds, questions, combine)


@case('logq-sets')
def logq_sets(table):
    names = {'rsc15': 'rsc15', 'diginetica': 'diginetica', 'globo, small': 'globo-small', 'globo, large': 'globo-large'}
    for label, earlier, preset in table.rows:
        seeds = TWO if label == 'rsc15' else DEFAULT
        yield from several(f'{label}: those defaults', earlier, names[label], joined(EARLIER, 'logq=1'), seeds)
        yield from several(f'{label}: preset=official', preset, names[label], 'preset=official', seeds)


def trial(label):
    """The options of a row of trials: 'logq=1, rate 0.1, embedding dropout 0.3, alpha 0.75'."""
    options = {}
    for part in plain(re.sub(r'dropout of the embedding', 'embedding dropout', label)).split(', '):
        value = part.split(' ')[-1]
        if '=' in part:
            options.update([part.split('=')])
        elif part == 'bpr-max':
            options.update(loss='bpr-max', elu_param='0.5', bpreg='1.95', sample_alpha='0.4')
        elif part.startswith('dropout') and '/' in part:
            options.update(dropout_p_embed=part.split(' ')[1], dropout_p_hidden=value)
        elif part.startswith('both'):
            options.update(dropout_p_embed=value, dropout_p_hidden=value)
        elif re.fullmatch(r'[\d.]+ and [\d.]+', part):
            options.update(dropout_p_embed=part.split(' ')[0], dropout_p_hidden=value)
        else:
            names = {'embedding dropout': 'dropout_p_embed', 'hidden dropout': 'dropout_p_hidden', 'rate': 'learning_rate',
                     'alpha': 'sample_alpha', 'momentum': 'momentum', 'bpreg': 'bpreg', 'batch': 'batch_size'}
            options[names[part[:-len(value) - 1]]] = value
    options.setdefault('preset', 'official')
    return ','.join(f'{name}={value}' for name, value in options.items())


@case('trials')
def trials(table):
    for label, *row in table.rows:
        for name, cell in zip(('rsc15', 'globo-small', 'diginetica'), row):
            yield from several(f'{plain(label)}: {name}', cell, name, trial(label), DEFAULT)


@case('variants')
def variants(table):
    for label, *row in table.rows:
        options = ','.join(re.findall('`([^`]*)`', label)).replace(', ', ',')
        rate = re.search(r'\(rate ([\d.]+)', label)
        options = joined('' if 'preset=' in options else EARLIER + ',logq=1', options, rate and f'learning_rate={rate.group(1)}')
        if re.search('loss=(?!xe_logit)|n_sample=all', options):  # they take no logq
            options = options.replace(',logq=1', ',logq=0')
        if 'constrained_embedding=false' in options:  # nothing to drop from
            options += ',dropout_p_embed=0'
        for column, cell in zip(table.columns[1:], row):
            seeds = ONE if 'one seed' in label else TWO
            yield from several(plain(label), cell, 'rsc15', last_of_each(options), seeds, fields=(FIELD[column],))


def last_of_each(options):
    return ','.join(f'{name}={value}' for name, value in dict(part.split('=') for part in options.split(',')).items())


@case('presets')
def presets(table):
    """Published figures are of the papers' own sets; "not run" has no figure."""
    for label, _, *row in table.rows:
        for name, cell in zip(('rsc15', 'diginetica'), row):
            yield from several(f'{plain(label)}: {name}', cell, name, f'preset={plain(label)}',
                               THREE if (plain(label), name) == ('retailrocket', 'rsc15') else ONE)


@case('blend-sessions')
def blend_sessions(table):
    names = 'rsc15-held', 'globo1-held', 'diginetica-third'
    for label, *row in table.rows:
        if label.startswith('bytes'):
            continue
        kept = [part.strip().replace(',', '') for part in label.partition(' (')[0].split(';')]
        for name, cell in zip(names, row):
            limit = kept[0 if name == 'rsc15-held' else -1]
            blend = 'blend=0' if limit == '0' else 'blend=0.5' if kept[0].startswith('all') else f'blend=0.5,blend_sessions={limit}'
            options = 'n_epochs=1' if name == 'diginetica-third' else epochs(name)
            yield from several(f'{label}: {name}', cell, name, joined(options, blend), DEFAULT)


@case('single-events')
def single_events(table):
    for label, *row in table.rows:
        log, way = label.split(', ')
        name = {'rsc15': 'rsc15', 'globo': 'globo-small'}[log] if way == 'pauses' else f'{log}-visits'
        for column, cell in zip(table.columns[1:], row):
            options = joined(EARLIER, 'logq=1', f'single_events={plain(column)}', 'session_gap=120' if way == 'pauses' else '')
            yield from several(f'{label}: {plain(column)}', cell, name, options, TWO, fields=('recall', 'mrr', 'hits'))


@case('support-decay')
def support_decay(table):
    """Which days of globo the nights were was not recorded."""
    for decay, _, _, *row in table.rows:
        for method, cell in zip(('pop', 'gru4rec'), row):
            options = f'{EARLIER},keep_optimizer=true,support_decay={decay}'
            yield from several(f'{decay}: {method}', cell, 'rsc15-nights', options, TWO, method, query='nights')


# ---- several ranks: groups=R has the same bits ----

@case('ranks')
def ranks(table):
    options = {'one process, batch_size=256': 'batch_size=256', '2 ranks of 128': 'groups=2',
               'one process, batch_size=512': 'batch_size=512', '4 ranks of 128': 'groups=4'}
    for label, *row in table.rows:
        for name, seeds, cell in zip(('rsc15', 'diginetica'), (THREE, TWO), row):
            yield from several(f'{plain(label)}: {name}', cell, name, joined(options[plain(label)], 'blend=0', epochs(name)), seeds)


@case('sync-steps')
def sync_steps(table):
    groups = 1
    for column, *cells in zip(table.columns[1:], *(row[1:] for row in table.rows)):
        n, steps = re.match(r'(\d) rank', column), re.search(r'n = (\d+)', column)
        groups = int(n.group(1)) if n else groups
        for name, cell in zip(('rsc15', 'diginetica'), cells):
            options = joined('blend=0', epochs(name), f'groups={groups}' if groups > 1 else '',
                             f'sync_steps={steps.group(1)}' if steps else '')
            yield from several(f'{name}: {groups}, {column}', cell, name, options, DEFAULT)
