from masa.support.broken_inputs import describe_problems, show_broken


def test_equal_reasons_are_one_line():
    text = describe_problems(
        {
            'a.npy': 'it has no frames',
            'b.npy': 'b.npy cannot be\nread',
            'c': "sequence 'c' shows nobody",
            'd': 'd: it has no frames',
            'e': 'it lacks the frame e',
        }
    )
    heading, *lines = text.splitlines()
    assert '5 sequences' in heading
    assert lines == [
        '  a.npy, d: it has no frames',
        '  b.npy: cannot be read',
        '  c: shows nobody',
        '  e: it lacks the frame e',
    ]


def test_skipping_is_offered_where_something_is_left(capsys):
    show_broken({'a': 'it has no frames'})
    assert '--skip-broken' in capsys.readouterr().err
    show_broken({'a': 'it has no frames'}, others=False)
    printed = capsys.readouterr().err
    assert '--skip-broken' not in printed
    assert 'it has no frames' in printed
