import numpy as np

from masa.datasets.times import frame_times, same_times


def test_time_stamps_go_before_a_rate():
    record = dict(total_frames=3, frame_rate=10, timestamps=[0, 0.5, 0.6])
    np.testing.assert_array_equal(frame_times(record), [0, 0.5, 0.6])
    assert frame_times(record).dtype == np.float64
    record['timestamps'] = None
    np.testing.assert_allclose(frame_times(record), [0, 0.1, 0.2])
    record['frame_rate'] = None
    assert frame_times(record) is None
    assert frame_times(dict(total_frames=1, frame_rate=7)).tolist() == [0]


def test_whether_two_records_are_of_one_recording():
    one = dict(total_frames=3, frame_rate=10)
    assert same_times(one, dict(total_frames=3))
    assert same_times(one, dict(timestamps=[5, 5.1, 5.204]))
    assert not same_times(one, dict(timestamps=[5, 5.1, 5.22]))
