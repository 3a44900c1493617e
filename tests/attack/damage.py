"""damage.py - a database file with damaged bytes: bits, bytes, sectors, pages; see hostile.py.

Sound answers, or an error; or else gru4rec_check() or PRAGMA integrity_check tells. Answers that changed in silence
count only where the events themselves are as they were.
"""
import hostile

PAGE, SECTOR = 1024, 512


def flip_bit(data, rng):
    data[rng.randrange(100, len(data))] ^= 1 << rng.randrange(8)
    return 'a bit'


def set_bytes(data, rng):
    for _ in range(8):
        data[rng.randrange(100, len(data))] = rng.randrange(256)
    return 'eight bytes'


def clear_sector(data, rng):
    at = rng.randrange(1, len(data) // SECTOR) * SECTOR
    data[at:at + SECTOR] = bytes(SECTOR)
    return f'the sector at {at}'


def swap_pages(data, rng):
    a, b = (rng.randrange(1, len(data) // PAGE) * PAGE for _ in range(2))
    data[a:a + PAGE], data[b:b + PAGE] = data[b:b + PAGE], data[a:a + PAGE]
    return f'the pages at {a} and {b}'


def cut_off(data, rng):
    n = rng.randrange(PAGE, len(data))
    del data[n:]
    return f'the end from {n}'


def change_header(data, rng):
    data[rng.randrange(16, 100)] = rng.randrange(256)
    return 'the header'


KINDS = (flip_bit,) * 4 + (set_bytes, clear_sector, swap_pages) * 2 + (cut_off, change_header)


def events(case, db):
    return case.ask(db, 'SELECT session_id, item_id, ts, typeof(session_id), typeof(item_id), typeof(ts) FROM clicks')


def try_case(case):
    case.take_base('plain' if case.number % 2 else 'text')
    with open(case.path, 'rb') as file:
        data = bytearray(file.read())
    sound = hostile.connect(case.path)
    clicks = events(case, sound)
    sound.close()
    case.say('DAMAGE', case.rng.choice(KINDS)(data, case.rng))
    with open(case.path, 'wb') as file:
        file.write(data)
    db = case.open()
    if db is not None:
        is_source_whole = events(case, db) == clicks
        different = case.read_all(db)
        is_told = case.ask(db, hostile.CHECK) != [(b'ok',)] or case.ask(db, hostile.INTEGRITY) != [(b'ok',)]
        if different and is_source_whole and not is_told:
            case.wrong(f'another answer in silence: {different}')
        case.write_all(db)
    case.end(db)


hostile.main('damaged files', try_case, ('plain', 'text'), PAGE)
