_base_ = ['../masa_penn_bodies.py', '../_base_/methods/carl.py']
model = _base_.method
