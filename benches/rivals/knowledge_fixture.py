"""A small world with facts, and what the scripts that write steps of knowledge models share.

Facts point one way and relations differ, so that a swapped head and tail, or a relation taken for its inverse,
changes the numbers.
"""

import json
import sys

import torch

NUM_USERS, NUM_ITEMS, NUM_ENTITIES, NUM_RELATIONS = 4, 5, 6, 3
# Items 2 and 4 are no entities: nodes 6 and 7. User 3 and item 3 have no interaction.
ENTITY_OF_ITEM = [2, 0, None, 5, None]
NODE_OF_ITEM = [2, 0, 6, 5, 7]
NUM_NODES = 8
EDGES = [(0, 0), (0, 1), (0, 4), (1, 1), (1, 2), (2, 0), (2, 2), (2, 4)]
# Head, relation, tail: two relations between the same two nodes, a fact of a node about itself.
FACTS = [(2, 0, 1), (2, 1, 1), (0, 0, 3), (0, 2, 4), (5, 1, 4), (5, 0, 1), (1, 2, 3), (4, 1, 4), (3, 2, 0)]
USERS, POSITIVES, NEGATIVES = [0, 1, 2, 0, 3], [1, 2, 4, 0, 3], [2, 0, 1, 3, 4]
# Positions in FACTS, and a tail that makes each none.
FACT_ROWS, CORRUPT = [3, 0, 7, 1, 8], [0, 5, 2, 4, 3]


def normal(*shape):
    """Values that single precision holds exactly, so that both sides start from the same numbers."""
    return (torch.randn(*shape) * 0.6).double().requires_grad_()


def flat(table):
    return [float(f"{value:.9g}") for value in table.flatten().tolist()]


def both_directions():
    """Facts and their inverses: head, relation, tail."""
    return FACTS + [(tail, relation + NUM_RELATIONS, head) for head, relation, tail in FACTS]


def gradients(loss, parameters):
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {name: flat(torch.zeros_like(table) if grad is None else grad)
            for (name, table), grad in zip(parameters.items(), found)}


def softplus(x):
    return torch.nn.functional.softplus(x)


def write(command, cases):
    world = {
        "num_users": NUM_USERS, "num_items": NUM_ITEMS, "num_entities": NUM_ENTITIES, "num_relations": NUM_RELATIONS,
        "entity_of_item": ENTITY_OF_ITEM, "edges": EDGES, "facts": FACTS, "users": USERS, "positives": POSITIVES,
        "negatives": NEGATIVES, "fact_rows": FACT_ROWS, "corrupt": CORRUPT,
    }
    json.dump({"command": command, "torch": torch.__version__, "world": world, "cases": cases}, sys.stdout)
    print()
