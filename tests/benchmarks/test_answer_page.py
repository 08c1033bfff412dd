import answer_page
import pytest
import time_to_answer

GROWTH = {
    'minutes': {
        'sizes': [1, 3],
        'seconds': {'embed': [0.25, 0.75], 'find': [1.0, 3.0]},
    },
    'number of sequences': {
        'sizes': [10, 1000],
        'seconds': {'embed': [0.1, 4.0]},
    },
}
RESULTS = {
    'commands': {
        'machine': 'Two cores.',
        'rows': [
            {'name': 'align', 'runs': [[2.0, 1.25], [1.5, 1.0]]},
            {'name': 'train', 'runs': [[300.0, 299.0]]},
        ],
    },
    'growth': {'machine': 'One core.', 'rows': GROWTH},
}


def test_every_part_has_a_table():
    assert set(answer_page.TABLES) == set(time_to_answer.MEASURES)


def test_tables_hold_the_figures():
    lines = answer_page.make_markdown(RESULTS).splitlines()
    assert '| align | 2.00 / 1.25 | 1.50 / 1.00 |' in lines
    assert '| train | 300.00 / 299.00 |  |' in lines
    assert 'Two cores.' in lines
    assert '| find | 1.00 | 3.00 |' in lines


def test_a_page_keeps_what_is_outside_the_marks(tmp_path):
    page = tmp_path / 'page.md'
    marks = f'{answer_page.BEGIN}\nold\n{answer_page.END}'
    page.write_text(f'before\n{marks}\nafter\n')
    for markdown in ('first', 'second'):
        answer_page.write_page(page, markdown)
        text = page.read_text()
        assert text.startswith('before\n')
        assert text.endswith('\nafter\n')
        assert markdown in text
        assert 'old' not in text
    assert 'first' not in text


@pytest.mark.parametrize('order', ['', 'b', 'eb', 'bbe', 'bee'])
def test_a_page_without_its_marks_is_refused(tmp_path, order):
    page = tmp_path / 'page.md'
    marks = {'b': answer_page.BEGIN, 'e': answer_page.END}
    text = '\n'.join(marks[one] for one in order)
    page.write_text(text)
    with pytest.raises(ValueError, match=r'page\.md'):
        answer_page.write_page(page, 'tables')
    assert page.read_text() == text


def test_growth_is_drawn(tmp_path):
    picture = tmp_path / 'growth.png'
    answer_page.draw_growth(GROWTH, picture)
    assert picture.read_bytes().startswith(b'\x89PNG')
