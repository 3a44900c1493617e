"""messages.py PAGE: each message in a text block of docs/troubleshooting.md that no block before it provokes is one of
the code's. "..." stands for anything. Prints those that are not, and how many messages the page has."""
import glob
import re
import sys

sys.path.insert(0, 'tests/docs')
import page

MACROS = {'VARIABLE': 'GRU4REC_READONLY'}  # that stand between literals


def literals():
    """All string literals of the code, those that follow each other joined."""
    text = ''
    for path in sorted(glob.glob('src/*/*.c') + glob.glob('ext/*.c') + glob.glob('ext/*/*.c')):
        source = open(path, encoding='utf-8').read()
        for name, value in MACROS.items():
            source = re.sub(r'(?<=["\s])%s(?=\s*")' % name, '"%s"' % value, source)
        source = re.sub(r'"\s*"', '', source)
        text += '\n'.join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', source)) + '\n'
    return text.replace('\\"', '"')


known = literals()
blocks = [block for block in page.blocks_of(sys.argv[1]) if block.language == 'text']
wrong = 0
for block in blocks:
    if block.note != 'output':
        parts = [part.strip() for part in block.text.replace('gru4rec: ', '').split('...')]
        missing = [part for part in parts if part not in known]
        if missing:
            print('%s:%d: the code does not say: %s' % (sys.argv[1], block.line, missing))
            wrong = 1
print(len(blocks), 'messages')
if len(blocks) < 30:
    wrong = 1
sys.exit(wrong)
