"""The loss of one batch of PinSage and its gradients in PyTorch, for crates/interaction/tests/pinsage.rs.

Algorithms 1 and 2 and equation 1 of Ying et al., KDD 2018, node by node; a query is the mean of the items of a user but
the positive, and an item that training lacks is no negative. Features are encoded as crates/model/src/features.rs says. In double precision:

    python benches/rivals/pinsage_step.py > crates/interaction/tests/data/pinsage_step.json
"""

import json
import sys

import torch

NUM_USERS, NUM_ITEMS, DIM, HIDDEN, NUM_LAYERS, MARGIN = 4, 7, 5, 6, 2, 0.4
# User 3 has one item; item 6 none.
EDGES = [(0, 0), (0, 1), (0, 5), (1, 1), (1, 2), (1, 3), (2, 0), (2, 3), (2, 4), (2, 5), (3, 4)]
NEAR = {0: {1: 0.5, 5: 0.5}, 1: {0: 0.25, 2: 0.75}, 2: {1: 0.625, 3: 0.25, 5: 0.125}, 3: {4: 1.0}, 4: {0: 0.75, 3: 0.25},
        5: {0: 0.875, 2: 0.125}}
# Category 3 and tag 2 are the new item's alone.
CATEGORY, NUM_CATEGORIES = [0, 2, None, 1, 0, 2, 3], 4
TAGS, NUM_TAGS = [[0, 1], [3], [], [0, 3], [1], [0, 1, 3], [0, 2]], 4
NUMBER = [1.5, None, -2.0, 4.0, 0.25, 3.0, 10.0]
VECTORS = [[0.5, -1.0, 2.0], [1.5, 0.25, 0.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 0.5], [2.0, 0.5, -0.5], [0.25, 0.75, 1.0],
           [1.0, -0.5, 0.25]]
USERS, POSITIVES = [0, 1, 2, 3, 0, 2], [1, 2, 5, 4, 0, 3]
NEGATIVES = [[2, 3], [0, 6], [6, 1], [1, 5], [4, 6], [2, 6]]

in_training = sorted({item for _, item in EDGES})


def encode(rows, matrix, ids):
    """The embedding that each item begins with. Rows: categories, none, tags, the number's weight, no number."""
    categories, tags = rows[: NUM_CATEGORIES + 1], rows[NUM_CATEGORIES + 1 : NUM_CATEGORIES + 1 + NUM_TAGS]
    weight, no_number = rows[-2], rows[-1]
    known_categories = {CATEGORY[item] for item in in_training}
    known_tags = {tag for item in in_training for tag in TAGS[item]}
    seen = torch.tensor([NUMBER[item] for item in in_training if NUMBER[item] is not None], dtype=torch.float64)
    mean, deviation = seen.mean(), seen.std(unbiased=False)
    out = []
    for item in range(NUM_ITEMS):
        x = torch.tensor(VECTORS[item], dtype=torch.float64) @ matrix
        if CATEGORY[item] in known_categories:
            x = x + categories[NUM_CATEGORIES if CATEGORY[item] is None else CATEGORY[item]]
        kept = [tag for tag in TAGS[item] if tag in known_tags]
        if kept:
            x = x + tags[kept].mean(0)
        x = x + (no_number if NUMBER[item] is None else (NUMBER[item] - mean) / deviation * weight)
        out.append(x + ids[item] if item in in_training else x)
    return out


def loss_of(rows, matrix, ids, layers, inner, inner_bias, outer):
    items = encode(rows, matrix, ids)
    for q, q_bias, w, w_bias in layers:
        def convolve(item):
            near = torch.zeros(HIDDEN, dtype=torch.float64)
            for other, share in NEAR.get(item, {}).items():
                near = near + share * torch.relu(items[other] @ q + q_bias[0])
            joined = torch.relu(torch.cat([items[item], near]) @ w + w_bias[0])
            return joined / joined.norm()

        items = [convolve(item) for item in range(NUM_ITEMS)]
    final = [torch.relu(item @ inner + inner_bias[0]) @ outer for item in items]
    total, count = 0.0, 0
    for user, positive, negatives in zip(USERS, POSITIVES, NEGATIVES):
        others = [final[item] for owner, item in EDGES if owner == user and item != positive]
        query = torch.stack(others).mean(0) if others else torch.zeros(DIM, dtype=torch.float64)
        for negative in filter(in_training.__contains__, negatives):
            count += 1
            total = total + torch.relu(query @ final[negative] - query @ final[positive] + MARGIN)
    return total / count


def main():
    torch.manual_seed(1806)
    parameters = []

    def parameter(rows, columns):
        # Values that single precision holds exactly.
        value = (torch.randn(rows, columns) * 0.7).double().requires_grad_()
        parameters.append(value)
        return value

    inputs = parameter(NUM_CATEGORIES + 1 + NUM_TAGS + 2, DIM)
    matrix, ids = parameter(len(VECTORS[0]), DIM), parameter(NUM_ITEMS, DIM)
    layers = [
        (parameter(DIM, HIDDEN), parameter(1, HIDDEN), parameter(DIM + HIDDEN, DIM), parameter(1, DIM))
        for _ in range(NUM_LAYERS)
    ]
    loss = loss_of(inputs, matrix, ids, layers, parameter(DIM, DIM), parameter(1, DIM), parameter(DIM, DIM))
    loss.backward()
    flat = lambda values: [float(f"{value:.9g}") for value in values.flatten().tolist()]
    json.dump(
        {
            "command": "python benches/rivals/pinsage_step.py",
            "torch": torch.__version__,
            "num_users": NUM_USERS,
            "num_items": NUM_ITEMS,
            "dim": DIM,
            "hidden_dim": HIDDEN,
            "num_layers": NUM_LAYERS,
            "margin": MARGIN,
            "edges": EDGES,
            "near": [(item, other, share) for item, row in NEAR.items() for other, share in row.items()],
            "category": CATEGORY,
            "num_categories": NUM_CATEGORIES,
            "tags": [(item, tag) for item, row in enumerate(TAGS) for tag in row],
            "num_tags": NUM_TAGS,
            "number": NUMBER,
            "vectors": sum(VECTORS, []),
            "width": len(VECTORS[0]),
            "users": USERS,
            "positives": POSITIVES,
            "negatives": sum(NEGATIVES, []),
            "loss": loss.item(),
            "parameters": [
                {"shape": list(p.shape), "initial": flat(p.detach()), "gradient": flat(p.grad)} for p in parameters
            ],
        },
        fp=sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
