"""diagrams.py FOLDER: draws the diagrams of docs/how-it-works.md into a folder, which must exist:
batches.svg, network.svg and tables.svg. Their colours follow the reader's light or dark setting."""
import sys
from xml.sax.saxutils import escape

STYLE = '''svg{max-width:100%;height:auto}.ground{fill:#fff}text{font:14px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}
.mid{text-anchor:middle}.small{font-size:13px;fill:#57606a}.head{font-weight:600}.box{fill:#f6f8fa;stroke:#8c959f}
.c0{fill:#cfe8f9}.c1{fill:#fbdcc0}.c2{fill:#d9ead3}.c3{fill:#e6dcf5}.c4{fill:#f5e6b8}.arrow{fill:none;stroke:#57606a;stroke-width:1.5}
.tip{fill:#57606a}.start{stroke:#b42318;stroke-width:3}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#e6edf3}.small{fill:#9da7b3}.box{fill:#161b22;stroke:#6e7681}
.c0{fill:#12405f}.c1{fill:#6b3410}.c2{fill:#234d20}.c3{fill:#3d2f66}.c4{fill:#5c4a10}.arrow{stroke:#9da7b3}.tip{fill:#9da7b3}.start{stroke:#ff7b72}}'''


class Drawing:
    def __init__(self, width, height, label):
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                      f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}"><style>{STYLE}</style>'
                      '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
                      'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
                      f'<rect class="ground" width="{width}" height="{height}" rx="6"/>']

    def box(self, x, y, width, height, *lines, kind='box'):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>')
        top = y + height / 2 - 9 * (len(lines) - 1) + 5
        for i, line in enumerate(lines):
            self.text(x + width / 2, top + 18 * i, line, 'mid' + (' small' if i > 0 else ''))

    def text(self, x, y, text, kind=''):
        self.parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>')

    def arrow(self, path):
        self.parts.append(f'<path class="arrow" marker-end="url(#tip)" d="{path}"/>')

    def line(self, x, y, to_x, to_y):
        self.parts.append(f'<path class="start" d="M{x} {y}L{to_x} {to_y}"/>')

    def save(self, path):
        with open(path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(self.parts) + '</svg>\n')


def batches():
    """Five sessions in three lanes. A lane that has come to the end of its session takes the next one."""
    lengths = {'A': 4, 'B': 2, 'C': 3, 'D': 3, 'E': 4}
    drawing = Drawing(480, 510, 'Session-parallel mini-batches: five sessions are put into three lanes')
    drawing.text(16, 28, 'The log: five sessions', 'head')
    for i, (name, length) in enumerate(lengths.items()):
        for j in range(length):
            drawing.box(16 + 44 * j, 42 + 40 * i, 38, 32, f'{name.lower()}{j + 1}', kind=f'box c{i}')
    drawing.text(16, 280, 'Training: three lanes; a column is one step', 'head')
    waiting = list(lengths)
    lanes = [(waiting.pop(0), 1) for _ in range(3)]
    step = 0
    while any(lanes):
        x = 64 + 82 * step
        drawing.text(x + 37, 306, f'step {step + 1}', 'mid small')
        for i, lane in enumerate(lanes):
            y = 318 + 50 * i
            if step == 0:
                drawing.text(12, y + 24, f'lane {i + 1}')
            if lane is None:
                continue
            name, at = lane
            kind = f'box c{list(lengths).index(name)}'
            drawing.box(x, y, 74, 38, f'{name.lower()}{at} → {name.lower()}{at + 1}', kind=kind)
            if at == 1:
                drawing.line(x, y, x, y + 38)
            if at + 1 < lengths[name]:
                lanes[i] = (name, at + 1)
            else:
                lanes[i] = (waiting.pop(0), 1) if waiting else None
        step += 1
    drawing.line(18, 478, 18, 496)
    drawing.text(28, 492, 'a new session begins: the lane forgets what it knew', 'small')
    return drawing


def network():
    drawing = Drawing(480, 410, 'The network: the row of the item, the GRU, the scores of all items')
    drawing.box(16, 80, 120, 56, 'item clicked', 'sleeping bag', kind='box c1')
    drawing.box(176, 80, 120, 56, 'its row', '100 numbers', kind='box c0')
    drawing.box(336, 80, 128, 56, 'GRU layer', 'the state: 100', kind='box c2')
    drawing.arrow('M136 108H172')
    drawing.arrow('M296 108H332')
    drawing.arrow('M430 80C440 30 360 30 370 76')
    drawing.text(400, 26, 'kept for the next click', 'mid small')
    drawing.box(270, 190, 194, 180)
    drawing.arrow('M400 136V186')
    drawing.text(284, 216, 'a score for each item')
    for i, (item, score) in enumerate((('sleeping mat', '11.1'), ('lantern', '10.2'), ('tent', '3.9'), ('socks', '0.3'))):
        drawing.text(284, 246 + 24 * i, item, 'small')
        drawing.text(420, 246 + 24 * i, score, 'small')
    drawing.text(284, 354, 'state × row of the item', 'small')
    drawing.box(16, 300, 210, 70, 'item table', 'a row for each item,', 'for input and output', kind='box c0')
    drawing.arrow('M200 300C220 250 236 200 236 140')
    drawing.arrow('M226 348H266')
    drawing.text(16, 396, 'Training makes the score of the next click higher, of others lower.', 'small')
    return drawing


def tables():
    drawing = Drawing(480, 500, 'The tables of a model m in one database file')
    drawing.box(8, 8, 464, 484)
    drawing.text(24, 36, 'shop.db', 'head')
    drawing.box(24, 54, 130, 56, 'clicks', 'yours', kind='box c1')
    drawing.box(226, 54, 230, 56, 'm', 'session, rank, item, score', kind='box c2')
    drawing.arrow('M154 82H222')
    drawing.text(188, 74, 'read', 'mid small')
    drawing.box(24, 150, 180, 56, 'm_config', 'source, options, active', kind='box c4')
    drawing.box(256, 150, 200, 56, 'm_version', 'a row for each training', kind='box c0')
    drawing.arrow('M270 110L130 146')
    drawing.arrow('M356 110V146')
    for i, (name, what) in enumerate((('m_epoch', 'a row for each epoch'), ('m_item', 'the catalogue'),
                                      ('m_tensor', 'the weights'), ('m_blend', 'the latest sessions'))):
        x, y = 24 + 252 * (i % 2), 250 + 76 * (i // 2)
        drawing.box(x, y, 180, 56, name, what, kind='box c0')
        drawing.arrow(f'M256 178H238V{y + 28}H{208 if i % 2 == 0 else 272}')
    drawing.box(24, 402, 180, 56, 'm_trial', 'trials of a tuning', kind='box c3')
    drawing.text(24, 480, 'One file, one commit. Readers see the old version or the new one.', 'small')
    return drawing


for draw in batches, network, tables:
    draw().save(f'{sys.argv[1]}/{draw.__name__}.svg')
