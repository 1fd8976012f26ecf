"""Loss and gradient of batches of SocialMF in NumPy, as numbers for crates/social/tests/social_mf.rs.

Written from Jamali and Ester, RecSys 2010, one rating at a time, in double precision; gradients are by complex
steps, which derive nothing. With all ratings in a batch, loss and gradient must be those of the whole objective,
in matrices and with its gradient written out:

    python benches/rivals/social_mf_step.py > crates/social/tests/data/social_mf_step.json
"""

import json
import sys

import numpy as np

NUM_USERS, NUM_ITEMS, DIM = 6, 7, 3
L2, TRUST_WEIGHT = 0.3, 0.7
# User 4 and item 6 have no rating.
RATINGS = [(0, 0, 4.0), (0, 1, 2.5), (0, 5, 5.0), (1, 1, 1.0), (1, 2, 3.0), (2, 0, 4.5), (2, 3, 2.0), (2, 4, 1.5), (3, 4, 5.0), (5, 0, 2.0)]
# Truster and trustee: 3 trusts nobody, 4 is trusted without having rated, ties go one way and both ways.
TIES = [(0, 1), (0, 4), (0, 2), (1, 0), (2, 0), (4, 3), (5, 3), (1, 2)]
# Positions in RATINGS: user 0 twice, item 4 twice, user 1 not at all; and an epoch.
BATCHES = [[2, 7, 0, 8, 5, 9], list(range(len(RATINGS)))]

LOW, HIGH = min(rating for _, _, rating in RATINGS), max(rating for _, _, rating in RATINGS)
MEAN = sum(rating for _, _, rating in RATINGS) / len(RATINGS)


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def loss_of(prediction, batch, tables):
    p, q = tables["users"], tables["items"]
    is_linear = prediction == "linear"
    total = 0.0
    for user, item, rating in (RATINGS[position] for position in batch):
        num_rated = sum(other == user for other, _, _ in RATINGS)
        num_raters = sum(other == item for _, other, _ in RATINGS)
        if is_linear:
            user_bias, item_bias = tables["user_bias"][user, 0], tables["item_bias"][item, 0]
            total += (MEAN + user_bias + item_bias + p[user] @ q[item] - rating) ** 2
            total += L2 * (user_bias**2 / num_rated + item_bias**2 / num_raters)
        else:
            total += (logistic(p[user] @ q[item]) - (rating - LOW) / (HIGH - LOW)) ** 2
        total += L2 * (p[user] @ p[user] / num_rated + q[item] @ q[item] / num_raters)
        trusted = [trustee for truster, trustee in TIES if truster == user]
        if trusted:
            apart = p[user] - sum(p[trustee] for trustee in trusted) / len(trusted)
            total += TRUST_WEIGHT * (apart @ apart) / num_rated
    return total / len(batch)


def gradient_of(prediction, batch, tables):
    gradient = {name: np.zeros(table.shape) for name, table in tables.items()}
    for name, table in tables.items():
        for position in np.ndindex(table.shape):
            stepped = {other: values.astype(complex) for other, values in tables.items()}
            stepped[name][position] += 1e-30j
            gradient[name][position] = np.imag(loss_of(prediction, batch, stepped)) / 1e-30
    return gradient


def objective(tables):
    """Twice the paper's objective over the number of ratings, and its gradient; users without ratings give no terms."""
    u, v = tables["users"], tables["items"]
    r, rated = np.zeros((NUM_USERS, NUM_ITEMS)), np.zeros((NUM_USERS, NUM_ITEMS))
    for user, item, rating in RATINGS:
        r[user, item], rated[user, item] = (rating - LOW) / (HIGH - LOW), 1.0
    t = np.zeros((NUM_USERS, NUM_USERS))
    for truster, trustee in TIES:
        t[truster, trustee] = 1.0
    has_ties = t.sum(axis=1) > 0
    t[has_ties] /= t[has_ties].sum(axis=1, keepdims=True)
    of_users, of_items = (rated.sum(axis=1) > 0)[:, None], (rated.sum(axis=0) > 0)[:, None]
    g = logistic(u @ v.T)
    error, apart = rated * (g - r), of_users * has_ties[:, None] * (u - t @ u)
    loss = (error**2).sum() + L2 * ((of_users * u**2).sum() + (of_items * v**2).sum()) + TRUST_WEIGHT * (apart**2).sum()
    slope = error * g * (1.0 - g)
    gradient_u = slope @ v + L2 * of_users * u + TRUST_WEIGHT * (apart - t.T @ apart)
    gradient_v = slope.T @ u + L2 * of_items * v
    return loss / len(RATINGS), {"users": 2 * gradient_u / len(RATINGS), "items": 2 * gradient_v / len(RATINGS)}


def main():
    random = np.random.default_rng(2010)
    shapes = {"users": (NUM_USERS, DIM), "items": (NUM_ITEMS, DIM), "user_bias": (NUM_USERS, 1), "item_bias": (NUM_ITEMS, 1)}
    # Values that single precision holds exactly, so that both sides start from the same numbers.
    tables = {name: np.float32(random.normal(size=shape) * 0.8).astype(float) for name, shape in shapes.items()}
    cases = []
    for prediction in ["logistic", "linear"]:
        for batch in BATCHES:
            used = dict(list(tables.items())[: 4 if prediction == "linear" else 2])
            cases.append((prediction, batch, loss_of(prediction, batch, used), gradient_of(prediction, batch, used)))
    whole, gradient = objective(tables)
    assert abs(whole - cases[1][2]) < 1e-12
    assert all(np.abs(gradient[name] - cases[1][3][name]).max() < 1e-12 for name in gradient)

    flat = lambda table: [float(f"{value:.9g}") for value in table.flatten().tolist()]
    flats = lambda tables: {name: flat(table) for name, table in tables.items()}
    json.dump(
        {
            "command": "python benches/rivals/social_mf_step.py",
            "numpy": np.__version__,
            "num_users": NUM_USERS,
            "num_items": NUM_ITEMS,
            "dim": DIM,
            "l2": L2,
            "trust_weight": TRUST_WEIGHT,
            "ratings": RATINGS,
            "ties": TIES,
            "initial": flats(tables),
            "cases": [
                {"prediction": prediction, "batch": batch, "loss": float(loss), "gradient": flats(gradient)}
                for prediction, batch, loss, gradient in cases
            ],
        },
        fp=sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
