# Table 4: the gradient flows into both sides of the clustering.
_base_ = '../masa_penn_pose2d.py'
model = dict(head=dict(clustering_loss=dict(stop_gradient=False)))
