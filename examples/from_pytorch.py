#!/usr/bin/env python3
"""from_pytorch.py - makes a file for gru4rec_import() from the state dict of a PyTorch model.

    from_pytorch.py MODEL.pt ITEMS.json MODEL.safetensors [--first-row 1] [--embedding NAME] [--output NAME] [--bias NAME]
                    [--dense NAME]... [--dense-act linear] [--ignore NAME]... [--support COUNTS.json] [--options JSON]

or in Python, which needs no torch where the values are lists or numpy arrays:

    blob = from_pytorch.convert(model.state_dict(), items)          # then SELECT gru4rec_import('rec', ?)

The model is an item embedding, one or more GRU layers (nn.GRU, nn.GRUCell), perhaps dense layers, and scores: an nn.Linear
with a row for each item, or the product with the embedding itself. items are the ids of the rows, INTEGER or TEXT, in their
order. docs/interchange.md tells more, and what the file holds. Nothing of the state dict is left out in silence.
"""
import argparse
import collections.abc
import json
import re
import struct
import sys

GRU = re.compile(r'^(.*?)weight_ih(_l\d+)?$')
ALIGN = 8  # of the header's length


class Tensor:
    """float32, row-major, little-endian."""

    def __init__(self, shape, data):
        self.shape, self.data = list(shape), data

    @classmethod
    def of(cls, name, value):
        """value: a torch tensor, a numpy array, or lists of numbers."""
        if hasattr(value, 'detach'):
            value = value.detach().cpu().float().numpy()
        if hasattr(value, 'astype'):
            return cls(value.shape, value.astype('<f4').tobytes())
        shape, values = [], value
        while isinstance(values, (list, tuple)) or hasattr(values, 'typecode'):  # lists, and arrays of module array
            shape.append(len(values))
            values = values[0] if len(values) else 0
        flat = value
        for size in shape[1:]:
            if any(not hasattr(row, '__len__') or len(row) != size for row in flat):
                raise ValueError(f'{name} is no tensor: its rows have several lengths')
            flat = [x for row in flat for x in row]
        try:
            return cls(shape, struct.pack(f'<{len(flat)}f', *flat))
        except (TypeError, struct.error, OverflowError):
            raise ValueError(f'{name} is no tensor of float32; where it plays no part in the scores, name it as ignore') from None

    @classmethod
    def zeros(cls, *shape):
        n = 1
        for size in shape:
            n *= size
        return cls(shape, bytes(4 * n))

    def rows(self, first, n):
        row = len(self.data) // self.shape[0]
        return Tensor([n, *self.shape[1:]], self.data[first * row:(first + n) * row])


class Model:
    """Takes the tensors of a state dict, each once, under the names that gru4rec_import() reads."""

    def __init__(self, state, n_items, first_row):
        self.left = {name: Tensor.of(name, value) for name, value in state.items()}
        self.n_items, self.first_row = n_items, first_row
        self.tensors, self.options = {}, {}

    def take(self, name, *shape):
        """shape: what it must be; None: any."""
        if name not in self.left:
            raise ValueError(f'the state dict has no {name}; it has {", ".join(self.left)}')
        found = self.left[name].shape
        if len(found) != len(shape) or any(want not in (None, has) for want, has in zip(shape, found)):
            raise ValueError(f'{name} is {found}, not {[size or "any" for size in shape]}')
        return self.left.pop(name)

    def take_or_zeros(self, name, *shape):
        return self.take(name, *shape) if name in self.left else Tensor.zeros(*shape)

    def rows_of_items(self, name, tensor):
        first = self.first_row or 0
        if tensor.shape[0] < first + self.n_items or self.first_row is None and tensor.shape[0] != self.n_items:
            raise ValueError(f'{name} has {tensor.shape[0]} rows, and there are {self.n_items} items; where rows before the '
                             'items are for padding, say how many (first_row)')
        return tensor.rows(first, self.n_items)

    def is_per_item(self, name, *rest):
        shape = self.left[name].shape
        return shape[1:] == list(rest) and shape[0] >= self.n_items

    def choose(self, what, given, names, is_needed=True):
        """The name that was given, or the only one that it can be."""
        if given is not None:
            return given
        if len(names) > 1 or is_needed and not names:
            raise ValueError(f'say which tensor is the {what}; ' +
                             (f'it may be {" or ".join(names)}' if names else f'the state dict has {", ".join(self.left)}'))
        return names[0] if names else None

    # ---- layers ----

    def take_gru(self):
        """All layers, in the order of the state dict."""
        widths = self.take_onehot()
        for number, name in enumerate([name for name in self.left if GRU.match(name)]):
            widths.append(self.take_layer(number, name, widths[-1] if widths else None))
        if not widths:
            raise ValueError('the state dict has no GRU layer (weight_ih, weight_ih_l0)')
        self.options['layers'] = widths

    def take_onehot(self):
        """The first layer of the official implementation, where it has no embedding; the widths so far."""
        if 'GE.Wx0.weight' not in self.left:
            return []
        hidden = self.take('GE.Wh0', None, None)
        h = hidden.shape[0]
        self.tensors['GE.Wx0.weight'] = self.rows_of_items('GE.Wx0.weight', self.take('GE.Wx0.weight', None, 3 * h))
        self.tensors['GE.Wrz0'] = self.take('GE.Wrz0', h, 2 * h)
        self.tensors['GE.Wh0'] = hidden
        self.tensors['GE.Bh0'] = self.take('GE.Bh0', 3 * h)
        self.options['constrained_embedding'] = False
        return [h]

    def take_layer(self, number, name, n_in):
        """n_in: the width below, or None: any. Its width."""
        prefix, suffix = GRU.match(name).group(1), GRU.match(name).group(2) or ''
        if name + '_reverse' in self.left:
            raise ValueError(f'{name} reads sessions from both ends; a recommender sees the past only')
        hidden = f'{prefix}weight_hh{suffix}'
        h = self.left[hidden].shape[-1] if hidden in self.left else 0
        rows = self.left[name].shape[0]
        if rows != 3 * h:
            raise ValueError(f'{name} has {rows} rows for a width of {h}; a GRU layer has three times as many as its width')
        self.tensors[f'G.{number}.weight_ih'] = self.take(name, rows, n_in)
        self.tensors[f'G.{number}.weight_hh'] = self.take(hidden, rows, h)
        for bias in 'bias_ih', 'bias_hh':
            self.tensors[f'G.{number}.{bias}'] = self.take_or_zeros(f'{prefix}{bias}{suffix}', rows)
        return h

    def take_dense(self, names, act):
        """The layers between the GRU and the scores; the width that the scores see."""
        width = self.options['layers'][-1]
        for number, name in enumerate(names):
            weight = self.take(f'{name}.weight', None, width)
            width = weight.shape[0]
            self.tensors[f'F.{number}.weight'] = weight
            self.tensors[f'F.{number}.bias'] = self.take_or_zeros(f'{name}.bias', width)
            self.options.setdefault('feedforward', []).append(width)
        if names:
            self.options['feedforward_act'] = act
        return width

    # ---- items ----

    def take_embedding(self, given):
        """None where the first layer is one-hot."""
        if 'GE.Wx0.weight' in self.tensors:
            return None
        n_in = self.tensors['G.0.weight_ih'].shape[1]
        names = [name for name in self.left if self.is_per_item(name, n_in)]
        if len(names) > 1:  # the scores' rows look the same where both are as wide
            names = [name for name in names if re.search('emb|^E\\.', name, re.I)] or names
        name = self.choose('embedding of the items', given, names)
        return self.rows_of_items(name, self.take(name, None, n_in))

    def take_output(self, given, width, embedding):
        names = [name for name in self.left if self.is_per_item(name, width)]
        name = self.choose("items' rows of the scores", given, names, embedding is None)
        output = self.rows_of_items(name, self.take(name, None, width)) if name is not None else embedding
        if name is None and embedding.shape[1] != width:
            raise ValueError(f'the embedding is {embedding.shape[1]} wide and the scores need {width}: say which tensor has '
                             "the items' rows of the scores")
        is_shared = embedding is not None and output.shape == embedding.shape and output.data == embedding.data
        if embedding is not None and not is_shared:
            self.tensors['E.weight'] = embedding
            self.options['embedding'] = embedding.shape[1]
        self.tensors['Wy.weight'] = output
        return name

    def take_bias(self, given, output):
        own = re.sub('weight$', 'bias', output or '')
        names = [own] if own in self.left else [
            name for name in self.left if self.is_per_item(name) or self.is_per_item(name, 1)]
        name = self.choose('bias of the items', given, names, False)
        bias = Tensor.zeros(self.n_items, 1)
        if name is not None:
            bias = self.rows_of_items(name, self.take(name, *[None, 1][:len(self.left[name].shape)]))
        self.tensors['By.weight'] = Tensor([self.n_items, 1], bias.data)


def write(tensors, metadata):
    header, at = {'__metadata__': metadata}, 0
    for name, tensor in tensors.items():
        header[name] = {'dtype': 'F32', 'shape': tensor.shape, 'data_offsets': [at, at + len(tensor.data)]}
        at += len(tensor.data)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % ALIGN)
    return struct.pack('<Q', len(text)) + text + b''.join(tensor.data for tensor in tensors.values())


# ---- what is given ----

def find_states(saved, path=''):
    """The state dicts in a checkpoint, each as (where it is, itself)."""
    if hasattr(saved, 'state_dict'):
        saved = saved.state_dict()
    if not isinstance(saved, collections.abc.Mapping):
        return []
    if any(isinstance(name, str) and (GRU.match(name) or name == 'GE.Wx0.weight') for name in saved):
        return [(path, saved)]
    return [found for name, value in saved.items() for found in find_states(value, f'{path}[{name!r}]')]


def state_of(saved):
    """The one state dict in what torch.save() was given: that itself, a module, or a dict with either somewhere in it."""
    found = find_states(saved)
    if len(found) > 1:
        raise ValueError(f'the checkpoint has several models, at {" and ".join(path for path, _ in found)}; give one of them')
    if found:
        return found[0][1]
    has = f'it has {", ".join(map(str, saved))}' if isinstance(saved, collections.abc.Mapping) else f'it is {type(saved).__name__}'
    raise ValueError(f'there is no state dict with a GRU layer (weight_ih, weight_ih_l0) in what was given; {has}')


def counts_of(support, n_items):
    """A number for each item, as integers."""
    counts = support.tolist() if hasattr(support, 'tolist') else support
    if not isinstance(counts, (list, tuple)) or len(counts) != n_items:
        has = f'{len(counts)} numbers' if isinstance(counts, (list, tuple)) else f'no list of numbers but {type(counts).__name__}'
        raise ValueError(f'support has {has}, and there are {n_items} items')
    for count in counts:
        if type(count) not in (int, float) or not 0 <= count < 2 ** 63 or count != int(count):
            raise ValueError(f'support has {count!r}; each of its numbers is how often an item was seen, 0 or more')
    return [int(count) for count in counts]


def convert(state, items, *, first_row=None, embedding=None, output=None, bias=None, dense=(), dense_act='linear', ignore=(),
            support=None, options=None):
    """The file, as bytes. Names are those of the state dict; where they are not given they are found by their shapes.

    state: a state dict, a module, or a dict with one of them somewhere in it, as checkpoints are.
    first_row: row of the first item, where rows before it are for padding. dense: names of the layers between the GRU and
    the scores, without .weight; dense_act: their activation. ignore: names that play no part in the scores. support: how
    often each item was seen, for rankings by popularity. options: others of gru4rec, as a dict.
    """
    items = items.tolist() if hasattr(items, 'tolist') else list(items)
    if not all(type(item) in (int, str) for item in items) or len(set(items)) != len(items):
        raise ValueError('items are distinct integers and texts, one for each row')
    if options is not None and not isinstance(options, dict):
        raise ValueError(f'options are an object of names and values, not {json.dumps(options)}')
    counts = None if support is None else counts_of(support, len(items))
    model = Model({name: value for name, value in state_of(state).items() if name not in ignore}, len(items), first_row)
    model.take_gru()
    width = model.take_dense(dense, dense_act)
    rows = model.take_embedding(embedding)
    model.take_bias(bias, model.take_output(output, width, rows))
    if model.left:
        raise ValueError(f'no part of such a model: {", ".join(model.left)}; name dense layers as dense, and what plays no part '
                         'in the scores as ignore')
    metadata = {'format': 'gru4rec', 'items': json.dumps(items), 'options': json.dumps({**model.options, **(options or {})})}
    if counts is not None:
        metadata['support'] = json.dumps(counts)
    return write(model.tensors, metadata)


def load(path):
    try:
        import torch
    except ImportError as error:
        raise ValueError(f'to read {path} takes torch: {error}') from None
    try:
        return torch.load(path, map_location='cpu')
    except OSError:
        raise
    except Exception as error:  # torch.load() has no end of them
        raise ValueError(f'{path} cannot be read as what torch.save() wrote; save model.state_dict(): {error}') from None


def parse_json(name, text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f'{name} is no JSON: {error}') from None


def read_json(path):
    with open(path, encoding='utf-8') as file:
        return parse_json(path, file.read())


def read_items(path):
    items = read_json(path)
    if not isinstance(items, list):
        raise ValueError(f'{path} is no JSON array of ids')
    return items


def run(model, items, file, support, options, **given):
    if support is not None:
        given['support'] = read_json(support)
    if options is not None:
        given['options'] = parse_json('--options', options)
    items = read_items(items)
    blob = convert(load(model), items, **given)
    with open(file, 'wb') as out:
        out.write(blob)


def main():
    parser = argparse.ArgumentParser(description='A file for gru4rec_import() from the state dict of a PyTorch model.')
    parser.add_argument('model', help='what torch.save() wrote')
    parser.add_argument('items', help='a JSON array of ids, in the order of the rows')
    parser.add_argument('file', help='the file to be written')
    parser.add_argument('--first-row', type=int)
    for name in 'embedding', 'output', 'bias':
        parser.add_argument('--' + name)
    parser.add_argument('--dense', action='append', default=[])
    parser.add_argument('--dense-act', default='linear')
    parser.add_argument('--ignore', action='append', default=[])
    parser.add_argument('--support')
    parser.add_argument('--options')
    try:
        run(**vars(parser.parse_args()))
    except (OSError, ValueError) as error:
        sys.exit(f'from_pytorch.py: {error}')


if __name__ == '__main__':
    main()
