"""states.py - states of sessions that somebody made up, the checksum right; see hostile.py.

What is a state is said a second time here. What is none is an error that says so; what is one is a session like any
other, of which the next state carries the items that it should.
"""
import math
import struct

import hostile

HEAD, RUN = 28, slice(8, 24)
MOST, CARRIED = 2000, 32  # items of any state, and of one that this model makes
N_VALUES = 8
KNOWN = range(18)  # the model's items
NO_STATE = "the BLOB is not a session's state"
NOT_FINITE = 'values that are not finite'


def hash_bytes(data):
    h = 0x811c9dc5
    for byte in data:
        h = (h ^ byte) * 0x01000193 & 0xffffffff
    return h


def seal(data):
    return bytes(data) + struct.pack('<I', hash_bytes(data))


def code(item):
    if isinstance(item, int):
        return b'\x01' + struct.pack('<q', item)
    return b'\x02' + struct.pack('<I', len(item)) + item


def make(run, items, n_values=N_VALUES, value=0.25, is_started=1):
    return b'G4RS\x01' + struct.pack('<BH', is_started, len(items) & 0xffff) + run + struct.pack('<I', n_values) + \
        struct.pack('<f', value) * n_values + b''.join(map(code, items))


def read(state):
    """(run, is started, values, items), or None where it is no state."""
    if len(state) < HEAD + 4 or state[:5] != b'G4RS\x01' or state[5] > 1:
        return None
    body, n_items = state[:-4], struct.unpack('<H', state[6:8])[0]
    n_values, = struct.unpack('<I', state[24:28])
    at, items = HEAD + 4 * n_values, []
    if n_items > MOST or at > len(body) or struct.unpack('<I', state[-4:])[0] != hash_bytes(body):
        return None
    values = struct.unpack(f'<{n_values}f', body[HEAD:at])
    for _ in range(n_items):
        if body[at:at + 1] == b'\x01' and at + 9 <= len(body):
            items.append(struct.unpack('<q', body[at + 1:at + 9])[0])
            at += 9
        elif body[at:at + 1] == b'\x02' and at + 5 <= len(body):
            length, = struct.unpack('<I', body[at + 1:at + 5])
            if at + 5 + length > len(body):
                return None
            items.append(body[at + 5:at + 5 + length])
            at += 5 + length
        else:
            return None
    return (state[RUN], state[5], values, items) if at == len(body) else None


def is_known(item):
    """A text that is a number's is that item."""
    return item in KNOWN if isinstance(item, int) else item in [b'%d' % i for i in KNOWN]


def carried(items, blends):
    """The last ones; the last that the model knows in any case. Where it blends, older ones until there are as many
    that it knows."""
    kept = items[-CARRIED:]
    if blends:
        older = [item for item in items[:-CARRIED] if is_known(item)]
        n_more = CARRIED - sum(map(is_known, kept))
        return older[max(0, len(older) - n_more):] + kept
    known = [item for item in items if is_known(item)]
    if known and not any(map(is_known, kept)):
        kept = [known[-1]] + kept[1:] if len(items) > CARRIED else kept
    return kept


def random_items(rng):
    n = rng.choice((0, 1, 2, 31, 32, 33, 100, 255, 256, 257, 1000, 1999, 2000, 2001, 2024, 2256))
    share = rng.choice((0, 0.01, 0.5))
    return [rng.choice(KNOWN) if rng.random() < share else
            rng.choice((1000 + i, -i - 1, b'x%d' % i, b'', bytes(rng.randrange(256) for _ in range(20))))
            for i in range(n)]


def change(data, rng):
    """A few bytes of it, where they mean something more often than elsewhere."""
    data = bytearray(data)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        at = rng.choice((rng.randrange(HEAD), 6, 7, 24, 25, 27, HEAD + rng.randrange(4 * N_VALUES),
                         rng.randrange(len(data))))
        if at < len(data):
            data[at] = rng.choice((0, 1, 2, 3, 4, 0x20, 0x21, 0x7f, 0x80, 0xe8, 0xff, rng.randrange(256)))
    kind = rng.random()
    if kind < 0.1:
        del data[rng.randrange(len(data)):]
    elif kind < 0.2:
        data += rng.choice((b'\0', b'\x01', code(5), code(b'end'), bytes(400)))
    return data


def try_state(case, db, state, run, blends):
    told = read(state)
    literal = f"x'{state.hex()}'"
    next_state = case.ask(db, f"SELECT gru4rec_step('m', {literal}, 3)")
    message = case.message
    others = [case.ask(db, sql) for sql in (f"SELECT count(*) FROM gru4rec_recommend('m', {literal}, 5)",
                                            f"SELECT gru4rec_score('m', {literal}, 3)")]
    if told is None:
        if next_state is not None or NO_STATE not in message or others != [None, None]:
            case.wrong('that is no state, and it was taken')
        return
    is_own = told[0] == run and told[1] == 1 and len(told[2]) == N_VALUES
    if is_own and not all(map(math.isfinite, told[2])):
        if next_state is not None or NOT_FINITE not in message:
            case.wrong(f'values that are not finite were taken: {message}')
        return
    if next_state is None or others[0] != [(5,)] or others[1] is None:
        case.wrong(f'a state that is one: {message}')
        return
    items = read(next_state[0][0])[3]
    if items != carried(carried(told[3], blends) + [3], blends):
        case.wrong(f'the next state carries {items[:5]} ... {items[-5:]}')


def try_case(case):
    base = case.rng.choice(('plain', 'blend'))
    case.take_base(base)
    db = case.open()
    if db is None:
        return
    own = case.ask(db, 'SELECT s FROM states')[0][0]
    for _ in range(40):
        run = case.rng.choice((own[RUN], own[RUN], bytes(16)))
        if case.rng.random() < 0.2:
            data = own[:-4]
        else:
            data = make(run, random_items(case.rng), case.rng.choice((N_VALUES,) * 4 + (0, 7, 100)),
                        case.rng.choice((0.25,) * 5 + (math.inf, math.nan)), case.rng.choice((0, 1, 1, 1)))
        state = seal(change(data, case.rng))
        if case.rng.random() < 0.1:
            state = state[:-4] + bytes(case.rng.randrange(256) for _ in range(4))
        try_state(case, db, state, own[RUN], base == 'blend')
    case.end(db)


hostile.main('states', try_case, ('plain', 'blend'))
