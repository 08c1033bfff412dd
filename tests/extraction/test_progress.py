import json

from masa.extraction.progress import PROGRESS_VARIABLE, FrameProgress


def test_other_programs_are_told_before_the_first_frame(monkeypatch, capsys):
    monkeypatch.setenv(PROGRESS_VARIABLE, 'json')
    with FrameProgress([4, None]) as progress:
        told = capsys.readouterr().err
        assert json.loads(told) == dict(frames=0, total=4)
        # Not each time.
        progress.advance(1)
        assert capsys.readouterr().err == ''
