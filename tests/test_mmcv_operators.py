import importlib
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec

import numpy as np
import pytest
import torch

from masa.support import compat


class TestMmcvOperators:
    @pytest.fixture
    def without(self, tmp_path, monkeypatch):
        """An mmcv that has no compiled operators."""
        (tmp_path / 'mmcv').mkdir()
        init = tmp_path / 'mmcv' / '__init__.py'
        init.touch()
        spec = ModuleSpec('mmcv', None, origin=str(init))
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
        monkeypatch.setattr(sys, 'meta_path', list(sys.meta_path))
        monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
        yield tmp_path / 'mmcv'
        sys.modules.pop('mmcv._ext', None)

    def test_nms_is_there_and_others_say_what_is_missing(self, without):
        assert compat.provide_mmcv_operators()
        operators = importlib.import_module('mmcv._ext')
        boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [6, 6, 9, 9]])
        kept = operators.nms(
            boxes,
            torch.tensor([0.5, 0.9, 0.1]),
            iou_threshold=0.5,
            offset=0,
        )
        assert kept.tolist() == [1, 2]
        assert hasattr(operators, 'deform_conv_forward')
        with pytest.raises(NotImplementedError, match="'deform_conv_forward'"):
            operators.deform_conv_forward(boxes)
        assert not hasattr(operators, '__path__')

    def test_again_changes_nothing(self, without):
        assert compat.provide_mmcv_operators()
        before = list(sys.meta_path)
        assert compat.provide_mmcv_operators()
        assert sys.meta_path == before

    def test_real_operators_are_left_alone(self, without):
        (without / f'_ext{EXTENSION_SUFFIXES[0]}').touch()
        before = list(sys.meta_path)
        assert not compat.provide_mmcv_operators()
        assert sys.meta_path == before

    @pytest.mark.parametrize('offset', [0, 1])
    @pytest.mark.parametrize('seed', range(5))
    def test_nms_equals_its_definition(self, seed, offset):
        rng = np.random.default_rng(seed)
        corner = rng.uniform(0, 40, (60, 2))
        boxes = np.concatenate(
            [corner, corner + rng.uniform(0, 30, (60, 2))], 1
        )
        # Some scores are equal: the first one goes first.
        scores = rng.integers(0, 20, 60) / 20
        kept = []
        for i in sorted(range(60), key=lambda i: -scores[i]):
            for j in kept:
                a, b = boxes[i], boxes[j]
                width = min(a[2], b[2]) - max(a[0], b[0]) + offset
                height = min(a[3], b[3]) - max(a[1], b[1]) + offset
                shared = max(width, 0) * max(height, 0)
                areas = [
                    (c[2] - c[0] + offset) * (c[3] - c[1] + offset)
                    for c in (a, b)
                ]
                if shared / (sum(areas) - shared) > 0.4:
                    break
            else:
                kept.append(i)
        assert 1 < len(kept) < 60
        found = compat._non_maximum_suppression(
            torch.tensor(boxes), torch.tensor(scores), 0.4, offset
        )
        assert found.tolist() == kept

    def test_nms_of_nothing(self):
        found = compat._non_maximum_suppression(
            torch.zeros(0, 4), torch.zeros(0), 0.5
        )
        assert found.tolist() == []
