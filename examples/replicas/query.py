"""query.py URL SQL...: runs statements on a server of sqld, and prints their rows as the sqlite3 shell does.

    query.py http://127.0.0.1:8080 "SELECT item, score FROM gru4rec_recommend('rec', '[727196]', 3)"
    query.py --until 2 URL SQL      asks again and again until the first value is 2; prints the seconds that this took

The statements of one call run one after another, each in a transaction of its own. The exit status is 1 after an error,
which is printed and ends the call.
"""
import base64
import json
import sys
import time
import urllib.error
import urllib.request

PATIENCE = 24 * 3600    # seconds for one call: sqld stops a training whose client hangs up
LIMIT = 30              # seconds for --until


def plain(cell):
    """A value as sqld sends it."""
    kind = cell['type']
    if kind == 'blob':
        text = cell['base64']
        return base64.b64decode(text + '=' * (-len(text) % 4))
    return int(cell['value']) if kind == 'integer' else cell.get('value')


def query(url, sql, timeout=PATIENCE):
    """The rows of one statement. RuntimeError: what SQLite says."""
    steps = [{'type': 'execute', 'stmt': {'sql': sql}}, {'type': 'close'}]
    request = urllib.request.Request(url + '/v2/pipeline', json.dumps({'requests': steps}).encode(),
                                     {'Content-Type': 'application/json'})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        result = json.load(answer)['results'][0]
    if result['type'] == 'error':
        raise RuntimeError(result['error']['message'])
    return [tuple(plain(cell) for cell in row) for row in result['response']['result']['rows']]


def until(value, url, sql):
    """The seconds until the statement gives this value; a server that does not answer yet is asked again."""
    start, last = time.monotonic(), None
    while time.monotonic() - start < LIMIT:
        try:
            rows = query(url, sql, timeout=LIMIT)
            if rows and str(rows[0][0]) == value:
                return time.monotonic() - start
            last = rows
        except (RuntimeError, OSError) as error:
            last = error
        time.sleep(0.02)
    raise RuntimeError(f'{url} did not give {value} within {LIMIT} seconds, but {last}')


def main(arguments):
    try:
        if arguments[0] == '--until':
            print(f'{until(*arguments[1:]):.2f}')
        else:
            for sql in arguments[1:]:
                for row in query(arguments[0], sql):
                    print('|'.join('' if value is None else str(value) for value in row))
    except (RuntimeError, OSError) as error:
        sys.exit(f'{arguments[0]}: {error}' if arguments[0] != '--until' else str(error))


if __name__ == '__main__':
    main(sys.argv[1:])
