"""Loss and gradient of one batch of TrustSVD in PyTorch, as numbers for crates/social/tests/trust_svd.rs.

Written from Guo, Zhang and Yorke-Smith, AAAI 2015, with every penalty beside every rating and every tie, one
rating and one tie at a time, in double precision:

    python benches/rivals/trust_svd_step.py > crates/social/tests/data/trust_svd_step.json
"""

import json
import sys

import torch

NUM_USERS, NUM_ITEMS, DIM = 6, 7, 3
L2, TRUST_WEIGHT = 0.3, 0.7
# User 4 and item 6 have no rating.
RATINGS = [(0, 0, 4.0), (0, 1, 2.5), (0, 5, 5.0), (1, 1, 1.0), (1, 2, 3.0), (2, 0, 4.5), (2, 3, 2.0), (2, 4, 1.5), (3, 4, 5.0), (5, 0, 2.0)]
# Truster and trustee: 3 trusts nobody, 4 is trusted without having rated, ties go one way and both ways.
TIES = [(0, 1), (0, 4), (0, 2), (1, 0), (2, 0), (4, 3), (5, 3), (1, 2)]
# Positions in RATINGS: user 0 twice, item 4 twice, user 1 not at all.
BATCH = [2, 7, 0, 8, 5, 9]


def squared(row):
    return row @ row


def loss_of(p, q, y, w, user_bias, item_bias):
    mean = sum(rating for _, _, rating in RATINGS) / len(RATINGS)
    items_of = {user: [item for other, item, _ in RATINGS if other == user] for user in range(NUM_USERS)}
    users_of = {item: [user for user, other, _ in RATINGS if other == item] for item in range(NUM_ITEMS)}
    trusted_by = {user: [trustee for truster, trustee in TIES if truster == user] for user in range(NUM_USERS)}
    trusters_of = {user: [truster for truster, trustee in TIES if trustee == user] for user in range(NUM_USERS)}
    root = lambda nodes: len(nodes) ** -0.5
    total = torch.zeros((), dtype=torch.float64)
    for user, item, rating in (RATINGS[position] for position in BATCH):
        vector = p[user]
        for other in items_of[user]:
            vector = vector + root(items_of[user]) * y[other]
        for trustee in trusted_by[user]:
            vector = vector + root(trusted_by[user]) * w[trustee]
        predicted = mean + user_bias[user, 0] + item_bias[item, 0] + q[item] @ vector
        total = total + (predicted - rating) ** 2
        total = total + L2 * root(items_of[user]) * (user_bias[user, 0] ** 2 + squared(p[user]))
        total = total + L2 * root(users_of[item]) * (item_bias[item, 0] ** 2 + squared(q[item]))
        for other in items_of[user]:
            total = total + L2 * root(users_of[other]) * squared(y[other])
        for trustee in trusted_by[user]:
            total = total + L2 * root(trusters_of[trustee]) * squared(w[trustee])
            tie = (p[user] @ w[trustee] - 1.0) ** 2 + root(trusted_by[user]) * squared(p[user])
            total = total + TRUST_WEIGHT * tie / len(items_of[user])
    return total / len(BATCH)


def main():
    torch.manual_seed(2015)
    shapes = {
        "users": (NUM_USERS, DIM),
        "items": (NUM_ITEMS, DIM),
        "rated": (NUM_ITEMS, DIM),
        "trusted": (NUM_USERS, DIM),
        "user_bias": (NUM_USERS, 1),
        "item_bias": (NUM_ITEMS, 1),
    }
    # Values that single precision holds exactly, so that both sides start from the same numbers.
    tables = {name: (torch.randn(*shape) * 0.5).double().requires_grad_() for name, shape in shapes.items()}
    loss = loss_of(*tables.values())
    loss.backward()
    flat = lambda table: [float(f"{value:.9g}") for value in table.flatten().tolist()]
    json.dump(
        {
            "command": "python benches/rivals/trust_svd_step.py",
            "torch": torch.__version__,
            "num_users": NUM_USERS,
            "num_items": NUM_ITEMS,
            "dim": DIM,
            "l2": L2,
            "trust_weight": TRUST_WEIGHT,
            "ratings": RATINGS,
            "ties": TIES,
            "batch": BATCH,
            "initial": {name: flat(table.detach()) for name, table in tables.items()},
            "loss": loss.item(),
            "gradient": {name: flat(table.grad) for name, table in tables.items()},
        },
        fp=sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
