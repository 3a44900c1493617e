"""shown.py: docs/scaling.md shows the class Copy of the programs in examples/replicas, line by line."""
import re
import sys

page = open('docs/scaling.md', encoding='utf-8').read()
bad = 0
for language, path in ('python', 'serve.py'), ('js', 'serve.cjs'):
    blocks = ''.join(re.findall(rf'^```{language}\n(.*?)^```', page, re.S | re.M))
    program = open(f'examples/replicas/{path}', encoding='utf-8').read()
    lines = re.search(r'^class Copy.*?\n(?=\n*\S)(?!\})', program, re.S | re.M).group(0).strip()
    if 'return this.db;' not in lines and 'return self.db' not in lines or lines not in blocks:
        bad += 1
        print(f'docs/scaling.md does not show, in a block of {language}:\n{lines}')
sys.exit(bad > 0)
