"""The method's equations as plain loops over float64 numbers.

Written from the paper, independent of the package; arguments are lists of
NumPy arrays of one sequence, without any padding.
"""

import math

import numpy as np


def cosine(a, b):
    """Cosine of two vectors."""
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    norm_a = math.sqrt(sum(float(x) ** 2 for x in a))
    norm_b = math.sqrt(sum(float(y) ** 2 for y in b))
    return dot / (norm_a * norm_b)


def softmax(logits):
    """Softmax of a list of numbers."""
    top = max(logits)
    weights = [math.exp(x - top) for x in logits]
    return [w / sum(weights) for w in weights]


def predicted_index(query, key, key_index, temperature):
    """Eq. 2 and 3 for every frame of ``query``."""
    result = []
    for q in query:
        gamma = softmax([cosine(q, k) / temperature for k in key])
        result.append(
            sum(g * float(i) for g, i in zip(gamma, key_index, strict=True))
        )
    return result


def matching_loss(z1, z2, index1, index2, num_frames, temperature, normalize):
    """Eq. 4 to 6 for one pair of views."""
    scale = num_frames if normalize else 1
    directions = []
    for query, key, own, other in (
        (z1, z2, index1, index2),
        (z2, z1, index2, index1),
    ):
        guess = predicted_index(query, key, other, temperature)
        errors = [
            ((float(g) - p) / scale) ** 2
            for g, p in zip(own, guess, strict=True)
        ]
        directions.append(sum(errors) / len(errors))
    return sum(directions) / 2


def matched_similarity(v, w, index_v, index_w):
    """Eq. 8 as a mean over the matched pairs, 0 if there are none."""
    cosines = [
        cosine(v[j], w[k])
        for j in range(len(v))
        for k in range(len(w))
        if index_v[j] == index_w[k]
    ]
    return sum(cosines) / len(cosines) if cosines else 0.0


def total_loss(matching, similarity, eps=1e-7):
    """Eq. 9 with the cosine similarity."""
    return matching * 2 / (1 + eps + similarity)


def softmax_attention(query, key, value):
    """One head: ``(T, C)``, ``(S, C)``, ``(S, V)``."""
    scale = 1 / math.sqrt(query.shape[1])
    result = np.zeros((len(query), value.shape[1]))
    for t, q in enumerate(query):
        weights = softmax([scale * float(q @ k) for k in key])
        for weight, v in zip(weights, value, strict=True):
            result[t] += weight * v
    return result


def linear_attention(query, key, value):
    """One head with the feature map ``elu(x) + 1``."""

    def feature(x):
        return np.array([e + 1 if e > 0 else math.exp(e) for e in x])

    result = np.zeros((len(query), value.shape[1]))
    for t, q in enumerate(query):
        weights = [float(feature(q) @ feature(k)) for k in key]
        for weight, v in zip(weights, value, strict=True):
            result[t] += weight / sum(weights) * v
    return result
