"""Hooks of MkDocs: pages from outside docs, notebooks, links and equations.

The pages are written for a repository's browser. Their relative links work
there and, rewritten, on the site.
"""

import html
import os
import posixpath
import re
from pathlib import Path, PurePosixPath

from math_core import LatexToMathML
from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[2]
# Pages of the site by the files of the repository that they show. MkDocs
# takes a README for the first page of its folder.
PAGES = {
    'README.md': 'index.md',
    'CHANGELOG.md': 'changelog.md',
    'CONTRIBUTING.md': 'contributing.md',
    'SECURITY.md': 'security.md',
    'docs/README.md': 'contents.md',
}
# Without it, links lead to the files of this checkout.
REPOSITORY = os.environ.get('REPOSITORY_URL')
FILES = f'{REPOSITORY}/blob/HEAD' if REPOSITORY else ROOT.as_uri()
_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r'(?<=\]\()(?![a-z]+:|#)([^)#\s]+)')
_EQUATION = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]'
    r'</(?P=tag)>',
    re.S,
)


def on_config(config):
    """Link to the repository at the foot of every page."""
    # Not by repo_url, for which readers' browsers would ask GitHub for stars.
    if REPOSITORY:
        icon = 'fontawesome/brands/git-alt'
        config.extra['social'] = [
            dict(icon=icon, link=REPOSITORY, name='Repository')
        ]
    return config


def on_files(files, config):
    """Add the pages that are kept outside docs, and those of notebooks."""
    files.remove(files.get_file_from_path('README.md'))
    for source, page in PAGES.items():
        content = (ROOT / source).read_text(encoding='utf-8')
        if page == 'index.md':
            content = f'---\nhide: [navigation]\n---\n{content}'
        files.append(File.generated(config, page, content=content))
    notebooks = [file for file in files if file.src_uri.endswith('.ipynb')]
    for notebook in notebooks:
        files.remove(notebook)
        page = PurePosixPath(notebook.src_uri).with_suffix('.md')
        text, resources = MarkdownExporter().from_filename(
            notebook.abs_src_path
        )
        for name, content in (page.name, text), *resources['outputs'].items():
            uri = str(page.with_name(name))
            files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown, page, files, **_):
    """Point links to pages of the site, or else to the repository."""
    here = page.file.src_uri
    source = _SOURCES.get(here, f'docs/{here}')
    folder = posixpath.dirname(source)

    def rewrite(match):
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        on_site = PAGES.get(target, target.removeprefix('docs/'))
        on_site = re.sub(r'\.ipynb$', '.md', on_site)
        if files.get_file_from_path(on_site):
            return posixpath.relpath(on_site, posixpath.dirname(here) or '.')
        # MkDocs warns of what is left as it is.
        if not (ROOT / target).exists():
            return match[1]
        return f'{FILES}/{target}'

    return _LINK.sub(rewrite, markdown)


def on_page_content(content, **_):
    """Turn equations into MathML, which browsers draw without a script."""
    convert = LatexToMathML().convert_with_local_state

    def draw(match):
        latex = html.unescape(match['latex']).strip()
        return convert(latex, displaystyle=match['tag'] == 'div')

    return _EQUATION.sub(draw, content)
