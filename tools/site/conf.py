"""Sphinx's configuration of `make site`: the Markdown pages of the project, as they are, become build/site.

The source folder is the project's root, so links between pages and to other files mean the same here and where the project
is hosted. README.md is the front page; the tables of docs/README.md are the contents beside each page.
"""
import os
import re

project = 'gru4rec'
copyright = 'the authors of gru4rec, MIT licence'
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
with open(os.path.join(root, 'include/gru4rec.h')) as header:
    release = re.search(r'#define GRU4REC_VERSION "(.*)"', header.read())[1]

extensions = ['myst_parser']
root_doc = 'README'
include_patterns = ['*.md', '**/*.md']
# packaging/npm and packaging/python have the front pages of their registries.
exclude_patterns = ['build', 'dist', '.github', 'packaging/*/**', '**/node_modules']
myst_heading_anchors = 6
myst_enable_extensions = ['html_image']

smartquotes = False
# A block that Pygments does not understand stays as it is.
suppress_warnings = ['misc.highlighting_failure']

html_theme = 'sphinx_rtd_theme'
html_title = 'gru4rec ' + release
html_static_path = [os.path.join(root, 'tools/site/static')]
html_css_files = ['site.css']
html_show_search_summary = False  # it would fetch pages, which a browser does not do from disk
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_extra_path = [os.path.join(root, 'tools/site/index.html')]


def contents(env):
    """The toctrees behind README.md: a group for each line in bold of docs/README.md, then all other pages."""
    seen = {root_doc}
    groups = [('', ['docs/README'])]
    with open(env.doc2path('docs/README')) as page:
        for line in page:
            caption = re.fullmatch(r'\*\*(.*)\*\*\n', line)
            if caption:
                groups.append((caption[1], []))
            for link in re.findall(r'\]\(([^):#]*)\.md', line):
                groups[-1][1].append(os.path.normpath('docs/' + link))
    groups.append(('More', sorted(env.found_docs)))
    for caption, pages in groups:
        new = [page for page in dict.fromkeys(pages) if page not in seen]
        seen.update(new)
        yield '\n```{toctree}\n:hidden:\n:caption: "%s"\n\n/%s\n```\n' % (caption, '\n/'.join(new))


def add_contents(app, page, source):
    if page == root_doc:
        source[0] += ''.join(contents(app.env))


def setup(app):
    app.connect('source-read', add_contents)
