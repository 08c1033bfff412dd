from masa.support.work_dir import last_checkpoint, saved_checkpoints


def make(folder, *names, last=None):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    if last is not None:
        (folder / 'last_checkpoint').write_text(last, encoding='utf-8')


def names(folder):
    return [path.name for path in saved_checkpoints(folder)]


def test_newest_first_and_none_of_an_earlier_training(tmp_path):
    make(
        tmp_path,
        *('epoch_2.pth', 'epoch_10.pth', 'epoch_80.pth', 'iter_3.pth'),
        *('best_tau_epoch_10.pth', 'other.pth'),
        last=str(tmp_path / 'epoch_10.pth'),
    )
    assert names(tmp_path) == ['epoch_10.pth', 'epoch_2.pth']


def test_without_last_checkpoint(tmp_path):
    make(tmp_path, 'epoch_2.pth', 'epoch_10.pth', 'best_a_epoch_11.pth')
    assert names(tmp_path) == ['epoch_10.pth', 'epoch_2.pth']
    assert last_checkpoint(tmp_path) is None
    for useless in ('', '\n'):
        make(tmp_path, last=useless)
        assert last_checkpoint(tmp_path) is None
        assert len(names(tmp_path)) == 2


def test_moved_or_elsewhere(tmp_path):
    moved = tmp_path / 'möved to'
    make(moved, 'epoch_1.pth', last='/long/gone/epoch_1.pth')
    assert last_checkpoint(moved) == moved / 'epoch_1.pth'
    other = tmp_path / 'other'
    make(other, 'epoch_1.pth', 'epoch_2.pth')
    make(moved, last=str(other / 'epoch_2.pth'))
    # Of a copy, whatever is left of the original.
    assert last_checkpoint(moved) == moved / 'epoch_2.pth'
    (moved / 'epoch_1.pth').unlink()
    assert last_checkpoint(moved) == other / 'epoch_2.pth'
    assert names(moved) == ['epoch_2.pth', 'epoch_1.pth']
    assert saved_checkpoints(moved)[1].parent == other


def test_a_missing_one_is_listed(tmp_path):
    make(tmp_path, 'epoch_1.pth', last='epoch_2.pth')
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_1.pth']


def test_other_names(tmp_path):
    make(tmp_path, 'final.pth', 'epoch_1.pth', last='final.pth')
    assert names(tmp_path) == ['final.pth']
    make(tmp_path, 'model-3.pth', 'model-2.pth', last='model-3.pth')
    assert names(tmp_path) == ['model-3.pth', 'model-2.pth']
