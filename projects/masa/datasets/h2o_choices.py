"""What a conversion of H2O lets one choose: the joints and the task."""

from .skeletons import HANDS_42, hand_layout

# Without the joint next to the tip of four fingers, which moves with the one
# before it, a hand has 17 joints: 17 x 2 x 3 and 17 x 3 are the widths that
# the MASA paper prints without saying which joints they are.
JOINTS = {
    '42': HANDS_42,
    '34': hand_layout(skip=(3,)),
    '17': hand_layout(('right',), skip=(3,)),
}
MILK = 'pouring_milk'
