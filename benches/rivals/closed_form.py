"""EASE, GF-CF and ItemKNN in dense NumPy, as numbers for crates/interaction/tests/closed_form_numpy.rs.

Each is its paper's equation written once, in double precision, on a small random matrix:

    python benches/rivals/closed_form.py > crates/interaction/tests/data/closed_form.json
"""

import json
import sys

import numpy as np

NUM_USERS, NUM_ITEMS = 14, 11
L2, NUM_SINGULAR_VECTORS, LOW_PASS_WEIGHT, NUM_NEIGHBOURS, SHRINKAGE = 1.5, 4, 0.3, 4, 2.0


def ease(x):
    p = np.linalg.inv(x.T @ x + L2 * np.eye(NUM_ITEMS))
    b = -p / np.diag(p)[None, :]
    np.fill_diagonal(b, 0.0)
    return x @ b


def inverse_root(degree):
    return np.where(degree > 0, np.maximum(degree, 1.0) ** -0.5, 0.0)


def gf_cf(x):
    users, items = inverse_root(x.sum(1)), inverse_root(x.sum(0))
    normalised = users[:, None] * x * items[None, :]
    v = np.linalg.svd(normalised)[2][:NUM_SINGULAR_VECTORS].T
    low_pass = items[:, None] * (v @ v.T) * np.sqrt(x.sum(0))[None, :]
    return x @ (normalised.T @ normalised + LOW_PASS_WEIGHT * low_pass)


def neighbours(x):
    degree = x.sum(0)
    similarity = x.T @ x / (np.sqrt(np.outer(degree, degree)) + SHRINKAGE)
    np.fill_diagonal(similarity, 0.0)
    for item, row in enumerate(similarity):
        order = sorted(range(NUM_ITEMS), key=lambda other: (-round(row[other], 12), other))
        row[order[NUM_NEIGHBOURS:]] = 0.0
    return similarity


def item_knn(x):
    return x @ neighbours(x).T


def item_knn_centred(x):
    weights, mean = neighbours(x), x.mean(0)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-30)
    return (x - mean) @ weights.T + mean


def main():
    random = np.random.default_rng(7)
    x = (random.random((NUM_USERS, NUM_ITEMS)) < np.linspace(0.6, 0.15, NUM_ITEMS)).astype(float)
    # User 13 and item 10 have no interaction.
    x[-1], x[:, -1] = 0.0, 0.0
    case = {
        "num_users": NUM_USERS, "num_items": NUM_ITEMS, "l2": L2, "num_singular_vectors": NUM_SINGULAR_VECTORS,
        "low_pass_weight": LOW_PASS_WEIGHT, "num_neighbours": NUM_NEIGHBOURS, "shrinkage": SHRINKAGE,
        "edges": [[int(user), int(item)] for user, item in np.argwhere(x)],
    }
    for model in [ease, gf_cf, item_knn, item_knn_centred]:
        case[model.__name__] = [round(value, 9) for value in model(x).ravel().tolist()]
    json.dump(case, sys.stdout)
    print()


if __name__ == "__main__":
    main()
