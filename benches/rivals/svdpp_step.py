"""Loss and gradient of one batch of SVD++ in PyTorch, as numbers for crates/interaction/tests/svdpp.rs.

Written from Koren, KDD 2008, section 4, one rating at a time, in double precision:

    python benches/rivals/svdpp_step.py > crates/interaction/tests/data/svdpp_step.json
"""

import json
import sys

import torch

NUM_USERS, NUM_ITEMS, DIM = 5, 7, 3
BIAS_L2, L2 = 0.05, 0.15
# User 4 and item 6 have no rating.
RATINGS = [(0, 0, 4.0), (0, 1, 2.5), (0, 5, 5.0), (1, 1, 1.0), (1, 2, 3.0), (2, 0, 4.5), (2, 3, 2.0), (2, 4, 1.5), (3, 4, 5.0)]
# Positions in RATINGS: user 0 twice, item 4 twice, user 1 not at all.
BATCH = [2, 7, 0, 8, 5]


def loss_of(p, q, y, user_bias, item_bias):
    mean = sum(rating for _, _, rating in RATINGS) / len(RATINGS)
    rated = {user: [item for other, item, _ in RATINGS if other == user] for user in range(NUM_USERS)}
    total = torch.zeros((), dtype=torch.float64)
    for user, item, rating in (RATINGS[position] for position in BATCH):
        implicit = sum(y[other] for other in rated[user]) / len(rated[user]) ** 0.5
        predicted = mean + user_bias[user, 0] + item_bias[item, 0] + q[item] @ (p[user] + implicit)
        total = total + (rating - predicted) ** 2
        total = total + BIAS_L2 * (user_bias[user, 0] ** 2 + item_bias[item, 0] ** 2)
        norms = p[user] @ p[user] + q[item] @ q[item] + sum(y[other] @ y[other] for other in rated[user])
        total = total + L2 * norms
    return total / len(BATCH)


def main():
    torch.manual_seed(2008)
    shapes = {
        "users": (NUM_USERS, DIM),
        "items": (NUM_ITEMS, DIM),
        "rated": (NUM_ITEMS, DIM),
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
            "command": "python benches/rivals/svdpp_step.py",
            "torch": torch.__version__,
            "num_users": NUM_USERS,
            "num_items": NUM_ITEMS,
            "dim": DIM,
            "bias_l2": BIAS_L2,
            "l2": L2,
            "ratings": RATINGS,
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
