"""The loss of KGCN and its gradient in PyTorch, as numbers for crates/knowledge/tests/kgcn_pytorch.rs.

The equations of Wang et al., WWW 2019, pair by pair and fact by fact in double precision. Which facts a node samples is
not compared: a node of this world has exactly two facts or none, and two are sampled:

    python benches/rivals/kgcn_step.py > crates/knowledge/tests/data/kgcn_step.json
"""

import torch

import knowledge_fixture as fixture
from knowledge_fixture import *

# Every entity but the last is in exactly two facts, as a head or as a tail.
fixture.FACTS = [(2, 0, 1), (1, 2, 3), (0, 0, 3), (0, 2, 4), (4, 1, 2)]
DIM, L2 = 3, 0.03


def loss_of(p, num_hops, aggregator, kind):
    squares = [p["relations"].pow(2).sum()]
    squares += [p[f"weights.{hop}"].pow(2).sum() for hop in range(num_hops)]
    facts_of = lambda node: [(r, tail) for head, r, tail in fixture.both_directions() if head == node]

    def see(user, node, depth):
        """What the user sees of a node after `depth` iterations."""
        if depth == 0:
            return p["nodes"][node]
        own, near = see(user, node, depth - 1), torch.zeros(DIM, dtype=torch.float64)
        if facts_of(node):
            shares = torch.softmax(torch.stack([user @ p["relations"][r] for r, _ in facts_of(node)]), 0)
            near = sum(w * see(user, tail, depth - 1) for w, (_, tail) in zip(shares, facts_of(node)))
        inputs = {"sum": own + near, "concat": torch.cat([own, near]), "neighbour": near}[aggregator]
        output = inputs @ p[f"weights.{depth - 1}"] + p[f"biases.{depth - 1}"][0]
        return torch.tanh(output) if depth == num_hops else torch.relu(output)

    def field(node, depth):
        """The squares of the receptive field; a node without facts looks itself up twice."""
        total = p["nodes"][node].pow(2).sum()
        if depth:
            tails = [tail for _, tail in facts_of(node)] or [node, node]
            total = total + sum(field(tail, depth - 1) for tail in tails)
        return total

    positive, negative = [], []
    for u, i, j in zip(USERS, POSITIVES, NEGATIVES):
        for item, scores in ((i, positive), (j, negative)):
            user, node = p["users"][u], NODE_OF_ITEM[item]
            scores.append(user @ see(user, node, num_hops))
            squares += [user.pow(2).sum(), field(node, num_hops)]
    positive, negative = torch.stack(positive), torch.stack(negative)
    if kind == "bpr":
        loss = softplus(negative - positive).mean()
    else:
        loss = softplus(-positive).mean() + softplus(negative).mean()
    return loss + 0.5 * L2 * sum(squares) / len(USERS)


def main():
    torch.manual_seed(2018)
    cases = []
    for num_hops, aggregator, kind in ((2, "sum", "bpr"), (1, "concat", "cross-entropy"), (2, "neighbour", "bpr")):
        p = {
            "users": normal(NUM_USERS, DIM),
            "nodes": normal(NUM_NODES, DIM),
            "relations": normal(2 * NUM_RELATIONS, DIM),
        }
        for hop in range(num_hops):
            p[f"weights.{hop}"] = normal(DIM * (2 if aggregator == "concat" else 1), DIM)
            p[f"biases.{hop}"] = normal(1, DIM)
        loss = loss_of(p, num_hops, aggregator, kind)
        cases.append({
            "config": {"embedding_dim": DIM, "num_neighbours": 2, "num_hops": num_hops, "aggregator": aggregator,
                       "loss": kind, "l2": L2},
            "parameters": {name: flat(table) for name, table in p.items()},
            "losses": [loss.item()],
            "gradients": [gradients(loss, p)],
            "scores": [],
        })
    write("python benches/rivals/kgcn_step.py", cases)


if __name__ == "__main__":
    main()
