"""Call the losses on plain tensors, as in a notebook."""

import torch

from masa.models import CLANHead
from masa.models.losses import MatchingLoss, SequenceContrastiveLoss
from masa.structures import SequenceBatch

torch.manual_seed(0)
# Embeddings of two sequences of 60 and 40 frames.
sequences = [torch.randn(60, 32).cumsum(0), torch.randn(40, 32).cumsum(0)]
# Of each, one view keeps the even frames and the other every third one.
views = [
    SequenceBatch.from_sequences(
        [sequence[::step] for sequence in sequences],
        frame_index=[torch.arange(len(s))[::step] for s in sequences],
        num_frames=[60, 40],
    )
    for step in (2, 3)
]

print('Lower is better: 0 where all frames find their time in the other view.')
# A loss is a function of two views: one number per sequence.
for loss in (MatchingLoss(), SequenceContrastiveLoss()):
    print(type(loss).__name__, loss(*views), loss.logged)

# A head adds losses up, averages over the batch and logs the parts.
head = CLANHead(in_channels=32)
for name, value in head.loss(*views).items():
    print(f'{name}: {value:.3f}')
