"""One training step of LightGCN in PyTorch, as numbers for crates/interaction/tests/lightgcn_pytorch.rs.

The computation follows github.com/gusye1234/LightGCN-PyTorch (sparse propagation, mean of the layers,
softplus BPR, L2 on the batch's rows of layer 0, Adam), written anew, in double precision:

    python benches/rivals/lightgcn_step.py > crates/interaction/tests/data/lightgcn_step.json
"""

import json
import sys

import torch

NUM_USERS, NUM_ITEMS, DIM, NUM_LAYERS = 5, 7, 8, 3
LEARNING_RATE, L2 = 1e-3, 1e-4
# User 4 and item 6 have no interaction.
EDGES = [(0, 0), (0, 1), (0, 5), (1, 1), (1, 2), (2, 0), (2, 3), (2, 4), (2, 5), (3, 4)]
# One user twice, one item as a positive and as a negative, both nodes without interactions.
USERS, POSITIVES, NEGATIVES = [0, 1, 2, 3, 0, 4], [1, 2, 5, 4, 0, 3], [2, 0, 6, 1, 3, 1]


def normalised_adjacency():
    nodes = NUM_USERS + NUM_ITEMS
    dense = torch.zeros(nodes, nodes, dtype=torch.float64)
    for user, item in EDGES:
        dense[user, NUM_USERS + item] = dense[NUM_USERS + item, user] = 1.0
    scale = dense.sum(1).pow(-0.5)
    scale[torch.isinf(scale)] = 0.0
    return (scale[:, None] * dense * scale[None, :]).to_sparse()


def loss_of(users, items, adjacency):
    layer = torch.cat([users, items])
    layers = [layer]
    for _ in range(NUM_LAYERS):
        layer = torch.sparse.mm(adjacency, layer)
        layers.append(layer)
    final = torch.stack(layers, dim=1).mean(dim=1)
    final_users, final_items = torch.split(final, [NUM_USERS, NUM_ITEMS])
    positive = (final_users[USERS] * final_items[POSITIVES]).sum(1)
    negative = (final_users[USERS] * final_items[NEGATIVES]).sum(1)
    bpr = torch.nn.functional.softplus(negative - positive).mean()
    squares = sum(rows.norm(2).pow(2) for rows in (users[USERS], items[POSITIVES], items[NEGATIVES]))
    return bpr + L2 * 0.5 * squares / len(USERS)


def main():
    torch.manual_seed(2020)
    # Values that single precision holds exactly, so that both sides start from the same numbers.
    initial = (torch.randn(NUM_USERS + NUM_ITEMS, DIM) * 0.5).double()
    users = initial[:NUM_USERS].clone().requires_grad_()
    items = initial[NUM_USERS:].clone().requires_grad_()
    optimiser = torch.optim.Adam([users, items], lr=LEARNING_RATE, eps=1e-8)
    loss = loss_of(users, items, normalised_adjacency())
    loss.backward()
    gradient = torch.cat([users.grad, items.grad])
    optimiser.step()
    updated = torch.cat([users, items]).detach()
    flat = lambda table: [float(f"{value:.9g}") for value in table.flatten().tolist()]
    json.dump(
        {
            "command": "python benches/rivals/lightgcn_step.py",
            "torch": torch.__version__,
            "num_users": NUM_USERS,
            "num_items": NUM_ITEMS,
            "dim": DIM,
            "num_layers": NUM_LAYERS,
            "learning_rate": LEARNING_RATE,
            "l2": L2,
            "edges": EDGES,
            "users": USERS,
            "positives": POSITIVES,
            "negatives": NEGATIVES,
            "initial": flat(initial),
            "loss": loss.item(),
            "gradient": flat(gradient),
            "updated": flat(updated),
        },
        fp=sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
