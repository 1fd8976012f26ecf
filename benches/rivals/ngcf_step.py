"""The loss of one batch of NGCF and its gradients in PyTorch, for crates/interaction/tests/ngcf.rs.

Equation 7 of Wang et al., SIGIR 2019, with dense matrices and without dropout; biases, the slope of LeakyReLU and the
lengths of the layers as in github.com/xiangwang1223/neural_graph_collaborative_filtering. In double precision:

    python benches/rivals/ngcf_step.py > crates/interaction/tests/data/ngcf_step.json
"""

import json
import sys

import torch
from torch.nn.functional import leaky_relu, logsigmoid

NUM_USERS, NUM_ITEMS, WIDTHS, L2 = 5, 7, [6, 4, 3], 0.05
# User 4 and item 6 have no interaction.
EDGES = [(0, 0), (0, 1), (0, 5), (1, 1), (1, 2), (2, 0), (2, 3), (2, 4), (2, 5), (3, 4)]
USERS, POSITIVES = [0, 1, 2, 3, 0, 4], [1, 2, 5, 4, 0, 3]
NEGATIVES = [[2, 3], [0, 6], [6, 1], [1, 5], [3, 2], [1, 6]]


def laplacian():
    size = NUM_USERS + NUM_ITEMS
    adjacency = torch.zeros(size, size, dtype=torch.float64)
    for user, item in EDGES:
        adjacency[user, NUM_USERS + item] = adjacency[NUM_USERS + item, user] = 1.0
    root = torch.where(adjacency.sum(1) > 0, adjacency.sum(1).clamp(min=1).rsqrt(), 0.0)
    return torch.diag(root) @ adjacency @ torch.diag(root)


def loss_of(table, layers):
    graph, identity = laplacian(), torch.eye(NUM_USERS + NUM_ITEMS, dtype=torch.float64)
    current, shown = table, [table]
    for first, first_bias, second, second_bias in layers:
        messages = (graph + identity) @ current @ first + first_bias
        messages = messages + ((graph @ current) * current) @ second + second_bias
        current = leaky_relu(messages, 0.2)
        shown.append(torch.nn.functional.normalize(current, dim=1))
    final = torch.cat(shown, dim=1)
    users = final[USERS]
    positives = final[[NUM_USERS + item for item in POSITIVES]]
    cost, squares = 0.0, table[USERS].square().sum() + table[[NUM_USERS + item for item in POSITIVES]].square().sum()
    for column in zip(*NEGATIVES):
        rows = [NUM_USERS + item for item in column]
        difference = (users * positives).sum(1) - (users * final[rows]).sum(1)
        cost = cost - logsigmoid(difference).mean() / len(NEGATIVES[0])
        squares = squares + table[rows].square().sum()
    return cost + L2 * squares / 2 / len(USERS)


def main():
    torch.manual_seed(1908)
    parameters = []

    def parameter(rows, columns):
        # Values that single precision holds exactly.
        value = (torch.randn(rows, columns) * 0.6).double().requires_grad_()
        parameters.append(value)
        return value

    table = parameter(NUM_USERS + NUM_ITEMS, WIDTHS[0])
    layers = [
        (parameter(a, b), parameter(1, b), parameter(a, b), parameter(1, b)) for a, b in zip(WIDTHS, WIDTHS[1:])
    ]
    loss = loss_of(table, layers)
    loss.backward()
    flat = lambda values: [float(f"{value:.9g}") for value in values.flatten().tolist()]
    json.dump(
        {
            "command": "python benches/rivals/ngcf_step.py",
            "torch": torch.__version__,
            "num_users": NUM_USERS,
            "num_items": NUM_ITEMS,
            "dim": WIDTHS[0],
            "layer_dims": WIDTHS[1:],
            "l2": L2,
            "edges": EDGES,
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
