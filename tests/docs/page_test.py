"""page_test.py DATABASE: page.py runs what it should, and finds what is wrong."""
import os
import subprocess
import sys
import tempfile

GOOD = """
# A page
```sql
CREATE TEMP TABLE t AS SELECT 1 AS a;
SELECT a, 'x' FROM t;
```
<!-- output -->
```text
1|x
```
<!-- fails -->
```sql
SELECT absent FROM t;
SELECT 'goes on';
```
<!-- output -->
```text
no such column: absent
goes ...
```
```sql
SELECT a FROM t WHERE (SELECT count(*) FROM clicks) > 0;
```
<!-- output -->
```text
1
```
```python
x = 1
```
1. In a list:
   ```python
   print(x)
   ```
   <!-- output -->
   ```text
   1
   ```
```sh
test -e gru4rec.so
echo done
```
<!-- output -->
```text
done
```
<!-- not run: it would take a night -->
```sh
false
```
"""
BAD = {  # page: what must be said
    '```sql\nSELECT absent;\n```\n': 'no such column: absent',
    '```sql\nSELECT 1\n```\n': 'no end; is a semicolon missing?',
    '```sql\nSELECT 1;\n```\n<!-- output -->\n```text\n2\n```\n': 'the page has:\n2\n',
    '<!-- fails -->\n```sql\nSELECT 1;\n```\n': 'no error:',
    '<!-- fails -->\n```sql\nSELECT absent;\n```\n<!-- output -->\n```text\nanother message\n```\n': 'another message',
    '```python\nassert False\n```\n': 'AssertionError',
    '```sh\nfalse\necho not reached\n```\n': 'exit status 1',
    '```cobol\nSTOP RUN.\n```\n': "cannot run the language 'cobol'",
    '```js\nrequire("no-such-package");\n```\n': 'is not run: no package no-such-package of node',
}


def run(page, database, *options):
    with tempfile.NamedTemporaryFile('w', suffix='.md') as file:
        file.write(page)
        file.flush()
        done = subprocess.run([sys.executable, 'tests/docs/page.py', *options, file.name, database], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, PAGE_SECONDS='5'))
    return done.returncode, done.stdout


database = sys.argv[1]
status, printed = run(GOOD, database)
assert status == 0 and printed.count('is not run: ') == 1 and 'is not run: it would take a night' in printed, printed
assert printed.endswith(': 11 blocks\n'), printed
for page, message in BAD.items():
    status, printed = run(page, database, '--strict')
    assert status == 1 and message in printed, (page, status, printed)
status, printed = run('```cobol\nSTOP RUN.\n```\n', database, '--only', 'sql')
assert status == 0, printed
