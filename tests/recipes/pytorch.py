#!/usr/bin/python3
"""Makes models by hand, lets examples/from_pytorch.py convert them, and compares the scores with its own.

    pytorch.py [EXTENSION]

The GRU is computed here in double precision, from the equations in PyTorch's documentation of nn.GRU; scores must agree to
1e-5, for float32 rounds at 6e-8 and a score is a sum of some 20 products. Needs neither torch nor numpy; where they are
installed, their tensors are given, and nn.GRU itself computes too. The last line is "N passed, N failed".
"""
import array
import json
import math
import os
import pickle
import random
import sqlite3
import struct
import subprocess
import sys
import tempfile
import traceback

from checks import check, finish

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
sys.path.insert(0, os.path.join(ROOT, 'examples'))
import from_pytorch  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None

EXTENSION = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'gru4rec.so'))
ITEMS = [10, 20, 'shoe', 30, '40', 'gr\u00fcn', 50, 2 ** 60, -7]
HISTORIES = [[0], [1, 1], [2, 5, 8], [3, 1, 4, 1, 5, 2, 6], [7] * 9]
rng = random.Random(1)

# ---- tensors, each value as float32 has it ----

def number():
    return struct.unpack('<f', struct.pack('<f', rng.uniform(-1, 1)))[0]


def vector(n):
    return [number() for _ in range(n)]


def matrix(rows, cols):
    return [vector(cols) for _ in range(rows)]


# ---- the network ----

def product(matrix_, x):
    return [math.fsum(a * b for a, b in zip(row, x)) for row in matrix_]


def add(*vectors):
    return [math.fsum(values) for values in zip(*vectors)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def torch_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    """r, z, n as nn.GRU has them."""
    n = len(h)
    a, b = add(product(w_ih, x), b_ih), add(product(w_hh, h), b_hh)
    r = [sigmoid(a[i] + b[i]) for i in range(n)]
    z = [sigmoid(a[n + i] + b[n + i]) for i in range(n)]
    new = [math.tanh(a[2 * n + i] + r[i] * b[2 * n + i]) for i in range(n)]
    return [(1 - z[i]) * new[i] + z[i] * h[i] for i in range(n)]


def onehot_cell(row, h, w_rz, w_h, bias):
    """The original's: c, r, z; the gate takes the candidate."""
    n = len(h)
    a = add(row, bias)
    rz = product(list(zip(*w_rz)), h)
    r = [sigmoid(a[n + i] + rz[i]) for i in range(n)]
    z = [sigmoid(a[2 * n + i] + rz[n + i]) for i in range(n)]
    c = [math.tanh(a[i] + x) for i, x in enumerate(product(list(zip(*w_h)), [r[j] * h[j] for j in range(n)]))]
    return [(1 - z[i]) * h[i] + z[i] * c[i] for i in range(n)]


def scores(history, first, cells, dense, output, bias):
    """first: (the item's row) -> input of the first of cells; each of them is (x, h) -> h, and its width."""
    states = [[0.0] * width for _, width in cells]
    for row in history:
        x = first(row)
        for i, (cell, _) in enumerate(cells):
            x = states[i] = cell(x, states[i])
    for weight, b, act in dense:
        x = [act(y) for y in add(product(weight, x), b)]
    return add(product(output, x), bias)


# ---- models: a state dict, how to convert it, and its scores ----

def gru_tensors(state, name, n_in, h, suffix, has_bias=True):
    """Adds a layer to the state dict; the layer as a function."""
    w_ih, w_hh = matrix(3 * h, n_in), matrix(3 * h, h)
    b_ih, b_hh = (vector(3 * h), vector(3 * h)) if has_bias else ([0.0] * (3 * h),) * 2
    state[f'{name}weight_ih{suffix}'], state[f'{name}weight_hh{suffix}'] = w_ih, w_hh
    if has_bias:
        state[f'{name}bias_ih{suffix}'], state[f'{name}bias_hh{suffix}'] = b_ih, b_hh
    return (lambda x, h_: torch_cell(x, h_, w_ih, w_hh, b_ih, b_hh)), h


def separate():
    """nn.Embedding, nn.GRU, nn.Linear."""
    state = {'emb.weight': matrix(9, 4)}
    cells = [gru_tensors(state, 'gru.', 4, 5, '_l0')]
    state['out.weight'], state['out.bias'] = matrix(9, 5), vector(9)
    return state, {}, lambda h: scores(h, lambda row: state['emb.weight'][row], cells, [], state['out.weight'], state['out.bias'])


def padded_tied():
    """Row 0 is padding; the scores are products with the embedding; no bias anywhere."""
    state = {'net.item_embedding.weight': matrix(10, 5)}
    rows = state['net.item_embedding.weight'][1:]
    cells = [gru_tensors(state, 'net.gru.', 5, 6, '_l0', False), gru_tensors(state, 'net.gru.', 6, 5, '_l1', False)]
    return state, {'first_row': 1}, lambda h: scores(h, rows.__getitem__, cells, [], rows, [0.0] * 9)


def same_width():
    """Embedding and output look alike, with rows for padding and a mask; one of the biases alone is there."""
    state = {'decoder.weight': matrix(12, 5), 'decoder.bias': vector(12), 'item_emb.weight': matrix(12, 5)}
    cells = [gru_tensors(state, 'rnn.', 5, 5, '_l0')]
    return state, {'first_row': 2}, lambda h: scores(
        h, lambda row: state['item_emb.weight'][2 + row], cells, [], state['decoder.weight'][2:11], state['decoder.bias'][2:11])


def dense():
    """As RecBole: a dense layer brings the state to the embedding's width."""
    state = {'item_embedding.weight': matrix(10, 4)}
    cells = [gru_tensors(state, 'gru_layers.', 4, 6, '_l0', False)]
    state['dense.weight'], state['dense.bias'], state['loss.ones'] = matrix(4, 6), vector(4), vector(3)
    rows = state['item_embedding.weight'][1:]
    return state, {'first_row': 1, 'dense': ['dense'], 'ignore': ['loss.ones']}, lambda h: scores(
        h, rows.__getitem__, cells, [(state['dense.weight'], state['dense.bias'], float)], rows, [0.0] * 9)


def dense_tanh():
    """Two dense layers, the second without a bias, and a bias of the items that stands by itself."""
    state = {'e': matrix(9, 3)}
    cells = [gru_tensors(state, 'a.', 3, 4, ''), gru_tensors(state, 'b.', 4, 5, '')]
    state['ff.0.weight'], state['ff.0.bias'], state['ff.2.weight'] = matrix(6, 5), vector(6), matrix(3, 6)
    state['item_bias'] = vector(9)
    return state, {'dense': ['ff.0', 'ff.2'], 'dense_act': 'tanh'}, lambda h: scores(
        h, state['e'].__getitem__, cells,
        [(state['ff.0.weight'], state['ff.0.bias'], math.tanh), (state['ff.2.weight'], [0.0] * 3, math.tanh)],
        state['e'], state['item_bias'])


def official():
    """The names of the official implementation, with a shared table."""
    state = {'Wy.weight': matrix(9, 5), 'By.weight': matrix(9, 1)}
    cells = [gru_tensors(state, 'G.0.', 5, 5, '')]
    return state, {}, lambda h: scores(
        h, state['Wy.weight'].__getitem__, cells, [], state['Wy.weight'], [b for b, in state['By.weight']])


def official_separate():
    state = {'E.weight': matrix(9, 5), 'Wy.weight': matrix(9, 5), 'By.weight': matrix(9, 1)}
    cells = [gru_tensors(state, 'G.0.', 5, 5, '')]
    return state, {}, lambda h: scores(
        h, state['E.weight'].__getitem__, cells, [], state['Wy.weight'], [b for b, in state['By.weight']])


def official_onehot():
    state = {'GE.Wx0.weight': matrix(9, 12), 'GE.Wrz0': matrix(4, 8), 'GE.Wh0': matrix(4, 4), 'GE.Bh0': vector(12)}
    cells = [(lambda x, h: onehot_cell(x, h, state['GE.Wrz0'], state['GE.Wh0'], state['GE.Bh0']), 4)]
    cells.append(gru_tensors(state, 'G.0.', 4, 5, ''))
    state['Wy.weight'], state['By.weight'] = matrix(9, 5), matrix(9, 1)
    return state, {}, lambda h: scores(
        h, state['GE.Wx0.weight'].__getitem__, cells, [], state['Wy.weight'], [b for b, in state['By.weight']])


MODELS = [separate, padded_tied, same_width, dense, dense_tanh, official, official_separate, official_onehot]

# ---- how the values come ----


class Likeness:
    """What torch tensors have that numpy arrays have not."""

    def __init__(self, value):
        self.value = value

    def detach(self):
        return self

    cpu = float = detach

    def numpy(self):
        return numpy.array(self.value)


FORMS = {
    'lists': lambda value: value,
    'arrays': lambda value: [array.array('f', row) for row in value] if isinstance(value[0], list) else array.array('d', value),
}
if numpy is not None:
    FORMS['numpy'] = numpy.array
    FORMS['numpy by columns'] = lambda value: numpy.asfortranarray(numpy.array(value, 'f4'))
    FORMS['like torch'] = Likeness
if torch is not None:
    FORMS['torch'] = lambda value: torch.nn.Parameter(torch.tensor(value))


# ---- tests ----

def connect():
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def largest_error(db, model, expected):
    """Over all items of all histories."""
    worst = 0
    for history in HISTORIES:
        ids = json.dumps([ITEMS[row] for row in history])
        found = dict(db.execute('SELECT item, score FROM gru4rec_recommend(?, ?)', (model, ids)))
        right = expected(history)
        worst = max([worst, *(abs(found[item] - score) for item, score in zip(ITEMS, right))])
        if len(found) != len(ITEMS):
            return math.inf
    return worst


def test_models():
    for make in MODELS:
        state, arguments, expected = make()
        blobs = {form: from_pytorch.convert({name: show(value) for name, value in state.items()}, ITEMS, **arguments)
                 for form, show in FORMS.items()}
        check(len(set(blobs.values())) == 1, f'{make.__name__}: the same file from {", ".join(blobs)}')
        db = connect()
        db.execute("SELECT gru4rec_import('m', ?)", (blobs['lists'],)).fetchall()
        error = largest_error(db, 'm', expected)
        check(error < 1e-5, f'{make.__name__}: scores', f'differ by {error}')
        # what it exports says the same
        db.execute("SELECT gru4rec_import('again', gru4rec_export('m'))").fetchall()
        check(largest_error(db, 'again', expected) < 1e-5, f'{make.__name__}: exported and imported')
        db.close()


def test_metadata():
    state, arguments, _ = separate()
    support = [5, 1, 9, 0, 2, 3, 4, 8, 7]
    blob = from_pytorch.convert(state, ITEMS, support=support, options={'loss': 'bpr-max', 'n_epochs': 3}, **arguments)
    db = connect()
    db.execute("SELECT gru4rec_import('m', ?)", (blob,)).fetchall()
    options = json.loads(db.execute("SELECT json_extract(gru4rec_info('m'), '$.options')").fetchone()[0])
    check((options['loss'], options['n_epochs'], options['layers'], options['embedding']) == ('bpr-max', 3, [5], 4), 'options')
    popular = [item for item, in db.execute("SELECT item FROM gru4rec_recommend('m', NULL)")]
    check(popular == [item for _, item in sorted(zip(support, ITEMS), key=lambda pair: -pair[0])], 'support orders by popularity')
    db.execute('CREATE TABLE log(session, item, ts)')
    db.executemany('INSERT INTO log VALUES (?, ?, ?)', ((i // 4, ITEMS[i * i % 9], i) for i in range(80)))
    summary = db.execute("SELECT gru4rec_train('m', 'log', 'warm_start=true,n_sample=4')").fetchone()[0]
    check(json.loads(summary)['epochs'] == 3, 'a training goes on from it', summary)
    db.close()


def change(**changes):
    """The state dict of separate() with tensors taken away (None) or put there."""
    state, _, _ = separate()
    for name, value in changes.items():
        name = name.replace('__', '.')
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


REFUSED = [
    (change(), {'items': ITEMS[:8]}, 'emb.weight has 9 rows, and there are 8 items; where rows before'),
    (change(), {'first_row': 1}, 'emb.weight has 9 rows, and there are 9 items'),
    (change(), {'items': ITEMS[:8] + [10]}, 'items are distinct integers and texts'),
    (change(), {'items': ITEMS[:8] + [1.5]}, 'items are distinct integers and texts'),
    (change(), {'support': [1, 2]}, 'support has 2 numbers, and there are 9 items'),
    (change(extra=vector(3)), {}, 'no part of such a model: extra; name dense layers as dense'),
    (change(gru__weight_ih_l0_reverse=matrix(15, 4)), {}, 'gru.weight_ih_l0 reads sessions from both ends'),
    (change(gru__weight_ih_l0=matrix(20, 4)), {}, 'gru.weight_ih_l0 has 20 rows for a width of 5; a GRU layer has three times'),
    (change(gru__weight_hh_l0=None), {}, 'gru.weight_ih_l0 has 15 rows for a width of 0'),
    (change(gru__weight_ih_l1=matrix(15, 6), gru__weight_hh_l1=matrix(15, 5)), {}, 'gru.weight_ih_l1 is [15, 6], not [15, 5]'),
    (change(gru__bias_hh_l0=vector(5)), {}, 'gru.bias_hh_l0 is [5], not [15]'),
    (change(emb__weight=None), {}, 'say which tensor is the embedding of the items; the state dict has'),
    (change(out__weight=None, out__bias=None), {}, 'the embedding is 4 wide and the scores need 5'),
    (change(more__weight=matrix(9, 5)), {}, "say which tensor is the items' rows of the scores; it may be out.weight or more.weight"),
    (change(emb__weight=matrix(9, 4), emb2__weight=matrix(9, 4)), {}, 'it may be emb.weight or emb2.weight'),
    (change(), {'embedding': 'nope'}, 'the state dict has no nope; it has emb.weight'),
    (change(), {'dense': ['emb']}, 'emb.weight is [9, 4], not ['),
    (change(emb__weight=[[1.0, 2.0], [3.0]]), {}, 'emb.weight is no tensor: its rows have several lengths'),
    ({'out.weight': matrix(9, 5)}, {}, 'there is no state dict with a GRU layer (weight_ih, weight_ih_l0) in what was given; it has'),
    ({'epoch': 3, 'optimizer': {'state': {}}}, {}, 'in what was given; it has epoch, optimizer'),
    (3, {}, 'in what was given; it is int'),
    ({'model': change(), 'best': [change()], 'ema': {'model': change()}}, {},
     "the checkpoint has several models, at ['model'] and ['ema']['model']; give one of them"),
    (change(note='hello'), {}, 'note is no tensor of float32; where it plays no part'),
    (change(note={'a': 1}), {}, 'note is no tensor'),
    (change(note=[[1.0], 2.0]), {}, 'note is no tensor'),
    (change(), {'support': [1, 2, 3, 4, 5, 6, 7, 8, 'x']}, "support has 'x'; each of its numbers"),
    (change(), {'support': [1, 2, 3, 4, 5, 6, 7, 8, -1]}, 'support has -1; each'),
    (change(), {'support': [1, 2, 3, 4, 5, 6, 7, 8, 0.5]}, 'support has 0.5; each'),
    (change(), {'support': [1, 2, 3, 4, 5, 6, 7, 8, 2 ** 63]}, f'support has {2 ** 63}; each'),
    (change(), {'support': [1, 2, 3, 4, 5, 6, 7, 8, math.nan]}, 'support has nan; each'),
    (change(), {'support': {'3': 1}}, 'support has no list of numbers but dict, and there are 9 items'),
    (change(), {'options': [1]}, 'options are an object of names and values, not [1]'),
]


def test_refused():
    for state, arguments, message in REFUSED:
        try:
            from_pytorch.convert(state, **{'items': ITEMS, **arguments})
            check(False, f'refused: {message}')
        except ValueError as error:
            check(message in str(error), f'refused: {message}', str(error))


class Module:
    """What has a state dict, as nn.Module has."""

    def __init__(self, state):
        self.state_dict = lambda: state


def test_checkpoints():
    """However a state dict is wrapped, it is found."""
    state, arguments, _ = separate()
    plain = from_pytorch.convert(state, ITEMS, **arguments)
    for saved in (Module(state), {'state_dict': state}, {'model_state_dict': state, 'epoch': 3}, {'net': Module(state), 4: 5},
                  {'model': state, 'optimizer': {'state': {0: {'step': 1}}, 'param_groups': [{'lr': 0.1}]}},
                  {'checkpoint': {'model': state}}):
        check(from_pytorch.convert(saved, ITEMS, **arguments) == plain, f'a state dict in {saved}'[:60])


# torch.load() for files of pickle, where torch is not installed
LOAD = """
import pickle
def load(path, map_location):
    with open(path, 'rb') as file:
        return pickle.load(file)
"""


def run_command(directory, *arguments):
    """What from_pytorch.py says on stderr, with pickle in the place of torch."""
    command = [sys.executable, os.path.join(ROOT, 'examples', 'from_pytorch.py'), *arguments]
    return subprocess.run(command, cwd=directory, env={**os.environ, 'PYTHONPATH': directory}, stderr=subprocess.PIPE,
                          encoding='utf-8', check=False).stderr


def test_command():
    state, _, _ = separate()
    files = {'torch.py': LOAD.encode(), 'm.pt': pickle.dumps({'model': state, 'epoch': 1}), 'bad.pt': b'hello', 'empty.pt': b'',
             'items.json': json.dumps(ITEMS).encode(), 'bad.json': b'[1,', 'object.json': b'{"1":2}', 'text.json': b'\xff',
             'support.json': b'[1,2,3,4,5,6,7,8,9]'}
    refused = [
        (['none.pt', 'items.json'], "No such file or directory: 'none.pt'"),
        (['bad.pt', 'items.json'], 'bad.pt cannot be read as what torch.save() wrote'),
        (['empty.pt', 'items.json'], 'empty.pt cannot be read as what torch.save() wrote'),
        (['m.pt', 'none.json'], "No such file or directory: 'none.json'"), (['m.pt', 'bad.json'], 'bad.json is no JSON'),
        (['m.pt', 'object.json'], 'object.json is no JSON array of ids'), (['m.pt', 'text.json'], "can't decode byte 0xff"),
        (['m.pt', 'items.json', '--support', 'none.json'], "No such file or directory: 'none.json'"),
        (['m.pt', 'items.json', '--support', 'object.json'], 'support has no list of numbers but dict'),
        (['m.pt', 'items.json', '--options', '{'], '--options is no JSON'),
        (['m.pt', 'items.json', '--options', '3'], 'options are an object of names and values, not 3')]
    with tempfile.TemporaryDirectory() as directory:
        for name, data in files.items():
            with open(os.path.join(directory, name), 'wb') as file:
                file.write(data)
        out = os.path.join(directory, 'out')
        for arguments, message in refused:
            told = run_command(directory, *arguments[:2], out, *arguments[2:])
            check(told.startswith('from_pytorch.py: ') and message in told, f'the command refuses {arguments}', told)
        check(not os.path.exists(out), 'and writes nothing')
        told = run_command(directory, 'm.pt', 'items.json', 'none/out')
        check("No such file or directory: 'none/out'" in told, 'no place to write', told)
        told = run_command(directory, 'm.pt', 'items.json', out, '--support', 'support.json', '--options', '{"n_epochs":2}')
        right = from_pytorch.convert(state, ITEMS, support=list(range(1, 10)), options={'n_epochs': 2})
        with open(out, 'rb') as file:
            check(file.read() == right, 'the command', told)


def test_torch():
    """The model itself, in PyTorch, saved and converted by the command."""
    if torch is None:
        return
    torch.manual_seed(3)
    emb, gru, out = torch.nn.Embedding(10, 6, padding_idx=0), torch.nn.GRU(6, 7, num_layers=2), torch.nn.Linear(7, 10)
    model = torch.nn.ModuleDict({'emb': emb, 'gru': gru, 'out': out})

    def expected(history):
        with torch.no_grad():
            hidden, _ = gru(emb(torch.tensor([[row + 1] for row in history])))
            return out(hidden[-1, 0])[1:].tolist()
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in ('model.pt', 'items.json', 'model.safetensors')]
        optimizer = torch.optim.Adam(model.parameters())
        torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'epoch': 3}, paths[0])
        with open(paths[1], 'w') as file:
            json.dump(ITEMS, file)
        command = [sys.executable, os.path.join(ROOT, 'examples', 'from_pytorch.py'), *paths, '--first-row', '1']
        check(os.spawnv(os.P_WAIT, sys.executable, command) == 0, 'the command')
        db = connect()
        db.execute("SELECT gru4rec_import('m', ?)", (paths[2],)).fetchall()
        error = largest_error(db, 'm', expected)
        check(error < 1e-5, 'scores of torch itself', f'differ by {error}')
        db.close()


def main():
    for test in test_models, test_metadata, test_refused, test_checkpoints, test_command, test_torch:
        try:
            test()
        except Exception:
            check(False, f'{test.__name__} ended early:', traceback.format_exc())
    print(f'note  torch {"is there" if torch else "is not there"}, numpy {"is there" if numpy else "is not there"}')
    return finish()


if __name__ == '__main__':
    sys.exit(main())
