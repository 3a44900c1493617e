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
    drawing = Drawing(760, 300, 'Session-parallel mini-batches: five sessions are put into three lanes')
    drawing.text(20, 30, 'The log: five sessions', 'head')
    for i, (name, length) in enumerate(lengths.items()):
        for j in range(length):
            drawing.box(20 + 44 * j, 48 + 44 * i, 38, 32, f'{name.lower()}{j + 1}', kind=f'box c{i}')
    drawing.text(250, 30, 'Training: three lanes; a column is one step', 'head')
    waiting = list(lengths)
    lanes = [(waiting.pop(0), 1) for _ in range(3)]
    step = 0
    while any(lanes):
        drawing.text(358 + 88 * step, 62, f'step {step + 1}', 'mid small')
        for i, lane in enumerate(lanes):
            y = 76 + 56 * i
            if step == 0:
                drawing.text(250, y + 24, f'lane {i + 1}')
            if lane is None:
                continue
            name, at = lane
            kind = f'box c{list(lengths).index(name)}'
            drawing.box(316 + 88 * step, y, 80, 38, f'{name.lower()}{at} → {name.lower()}{at + 1}', kind=kind)
            if at == 1:
                drawing.line(316 + 88 * step, y, 316 + 88 * step, y + 38)
            if at + 1 < lengths[name]:
                lanes[i] = (name, at + 1)
            else:
                lanes[i] = (waiting.pop(0), 1) if waiting else None
        step += 1
    drawing.line(318, 258, 318, 276)
    drawing.text(328, 272, 'a new session begins: the lane forgets what it knew', 'small')
    return drawing


def network():
    drawing = Drawing(760, 330, 'The network: the row of the item, the GRU, the scores of all items')
    drawing.box(20, 120, 120, 56, 'item clicked', 'sleeping bag', kind='box c1')
    drawing.box(190, 120, 130, 56, 'its row', '100 numbers', kind='box c0')
    drawing.box(370, 120, 130, 56, 'GRU layer', 'the state: 100', kind='box c2')
    drawing.box(560, 40, 180, 216)
    drawing.text(576, 72, 'a score for each item')
    drawing.arrow('M140 148H186')
    drawing.arrow('M320 148H366')
    drawing.arrow('M500 148H556')
    drawing.arrow('M470 120C480 60 390 60 400 116')
    drawing.text(435, 62, 'kept for the next click', 'mid small')
    for i, (item, score) in enumerate((('sleeping mat', '11.1'), ('lantern', '10.2'), ('tent', '3.9'), ('socks', '0.3'))):
        drawing.text(576, 104 + 24 * i, item, 'small')
        drawing.text(696, 104 + 24 * i, score, 'small')
    drawing.text(576, 234, 'state × row of the item', 'small')
    drawing.box(190, 236, 310, 56, 'item table', 'one row for each item: input and output', kind='box c0')
    drawing.arrow('M255 236V180')
    drawing.arrow('M500 264C540 264 530 230 556 230')
    drawing.text(20, 315, 'Training: make the score of the next click higher, and those of other items lower.', 'small')
    return drawing


def tables():
    drawing = Drawing(760, 400, 'The tables of a model m in one database file')
    drawing.box(10, 10, 740, 380)
    drawing.text(30, 38, 'shop.db', 'head')
    drawing.box(30, 60, 150, 56, 'clicks', 'yours', kind='box c1')
    drawing.box(300, 60, 190, 56, 'm', 'session, rank, item, score', kind='box c2')
    drawing.arrow('M180 88H296')
    drawing.text(238, 80, 'read', 'mid small')
    drawing.box(570, 60, 160, 56, 'm_config', 'source, options, active', kind='box c4')
    drawing.arrow('M490 88H566')
    drawing.box(300, 160, 190, 56, 'm_version', 'a row for each training', kind='box c0')
    drawing.arrow('M395 116V156')
    for i, (name, what) in enumerate((('m_epoch', 'a row for each epoch'), ('m_item', 'the catalogue'),
                                      ('m_tensor', 'the weights'), ('m_blend', 'latest sessions'))):
        x = 30 + 178 * i
        drawing.box(x, 270, 164, 56, name, what, kind='box c0')
        drawing.arrow(f'M{395 + 24 * (i - 1.5):g} 216L{x + 82} 266')
    drawing.box(570, 160, 160, 56, 'm_trial', 'trials of a tuning', kind='box c3')
    drawing.text(30, 366, 'All in one file: one commit, one backup. Readers see the old version or the new one.', 'small')
    return drawing


for draw in batches, network, tables:
    draw().save(f'{sys.argv[1]}/{draw.__name__}.svg')
