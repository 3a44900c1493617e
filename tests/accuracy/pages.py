"""pages.py - the tables of figures of README.md and docs/, as they stand there.

A table whose cells have figures of accuracy (0.713, .6750) is followed by a line that names the case of cases.py that
repeats it: "Repeat: `make figures ONLY=name`". So a figure stands in one place, the page, and nowhere in a program.
"""
import glob
import re

FIGURE = re.compile(r'(?<![\d.])-?0?\.\d{3,4}(?!\d)')
CAPTION = re.compile(r'make figures ONLY=([\w-]+)')
CODE = re.compile(r'`[^`]*`')


class Table:
    def __init__(self, page, line, lines, below):
        self.page, self.line = page, line
        self.columns, _, *self.rows = [cells(text) for text in lines]
        name = CAPTION.search(below)
        self.name = name.group(1) if name else None

    def has_figures(self):
        return any(FIGURE.search(CODE.sub('', cell)) for row in self.rows for cell in row[1:])


def cells(line):
    return [cell.strip() for cell in re.sub(r'\\\|', '&#124;', line.strip().strip('|')).split('|')]


def pages():
    return ['README.md'] + sorted(glob.glob('docs/*.md'))


def prose_and_tables(page):
    """The text of a page outside of blocks and tables, as (line, text), and its tables."""
    prose, tables, rows, is_block = [], [], [], False
    with open(page, encoding='utf-8') as file:
        lines = [line.rstrip('\n') for line in file] + ['']
    for number, line in enumerate(lines):
        if line.lstrip().startswith('```'):
            is_block = not is_block
        elif is_block:
            continue
        elif line.startswith('|'):
            rows.append(line)
        else:
            prose.append((number + 1, line))
            if rows:
                tables.append(Table(page, number + 1 - len(rows), rows, ' '.join(lines[number:number + 3])))
            rows = []
    return prose, tables


def sql_of(page, heading):
    """The SQL of the section with this heading."""
    with open(page, encoding='utf-8') as file:
        section = re.split(r'(?m)^#+ ', file.read().partition(f' {heading}\n')[2])[0]
    return '\n'.join(re.findall(r'(?ms)^```sql\n(.*?)^```$', section))


def plain(text):
    """A cell or label without bold type and code marks."""
    return re.sub(r'[*`]', '', text).strip()


def numbers(cell):
    """The figures of a cell in order, with their texts: '.6750 / .3588', '0.7126 ± 0.0123', '1,422, 781, 13,760'."""
    texts = re.findall(r'[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?<=\d)', plain(cell))
    return [(text, float(text.replace(',', ''))) for text in texts if text]
