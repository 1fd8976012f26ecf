"""Losses of KGAT and their gradients in PyTorch, as numbers for crates/knowledge/tests/kgat.rs.

The equations of Wang et al., KDD 2019, fact by fact in double precision, one aggregator after the other:

    python benches/rivals/kgat_step.py > crates/knowledge/tests/data/kgat_step.json
"""

import torch

from knowledge_fixture import *

DIM, RELATION_DIM, LAYER_DIMS, L2, L2_FACTS = 3, 4, [5, 2], 0.03, 0.02
HAS, HAD_BY = 2 * NUM_RELATIONS, 2 * NUM_RELATIONS + 1


def parameters_of(aggregator):
    found = {
        "users": normal(NUM_USERS, DIM),
        "nodes": normal(NUM_NODES, DIM),
        "relations": normal(2 * NUM_RELATIONS + 2, RELATION_DIM),
        "transforms": normal(2 * NUM_RELATIONS + 2, DIM, RELATION_DIM),
    }
    for layer, (inputs, outputs) in enumerate(zip([DIM] + LAYER_DIMS, LAYER_DIMS)):
        found[f"layers.{layer}.weight"] = normal(inputs * (2 if aggregator == "graph-sage" else 1), outputs)
        found[f"layers.{layer}.bias"] = normal(1, outputs)
        if aggregator == "bi-interaction":
            found[f"layers.{layer}.product.0"] = normal(inputs, outputs)
            found[f"layers.{layer}.product.1"] = normal(1, outputs)
    return found


def graph():
    facts = [(NUM_USERS + head, relation, NUM_USERS + tail) for head, relation, tail in both_directions()]
    for user, item in EDGES:
        node = NUM_USERS + NODE_OF_ITEM[item]
        facts += [(user, HAS, node), (node, HAD_BY, user)]
    return facts


def attention(p):
    """The matrix that multiplies a table of nodes, head by tail."""
    table = torch.cat([p["users"], p["nodes"]]).detach()
    facts = graph()
    logits = torch.stack([
        (table[tail] @ p["transforms"][relation].detach())
        @ torch.tanh(table[head] @ p["transforms"][relation].detach() + p["relations"][relation].detach())
        for head, relation, tail in facts
    ])
    matrix = torch.zeros(len(table), len(table), dtype=torch.float64)
    for node in range(len(table)):
        own = [n for n, fact in enumerate(facts) if fact[0] == node]
        if own:
            for n, share in zip(own, torch.softmax(logits[own], 0)):
                matrix[node, facts[n][2]] += share
    return matrix


def embed(p, aggregator):
    table = torch.cat([p["users"], p["nodes"]])
    matrix, x, parts = attention(p), table, [table]
    act = lambda y: torch.nn.functional.leaky_relu(y, 0.2)
    for layer in range(len(LAYER_DIMS)):
        weight, bias = p[f"layers.{layer}.weight"], p[f"layers.{layer}.bias"]
        near = matrix @ x
        if aggregator == "bi-interaction":
            product, product_bias = p[f"layers.{layer}.product.0"], p[f"layers.{layer}.product.1"]
            x = act((x + near) @ weight + bias) + act((x * near) @ product + product_bias)
        elif aggregator == "gcn":
            x = act((x + near) @ weight + bias)
        else:
            x = act(torch.cat([x, near], 1) @ weight + bias)
        parts.append(x / x.norm(dim=1, keepdim=True))
    return torch.cat(parts, 1)


def transr(p, pairs):
    """The mean over pairs of a fact and a corrupt one: (head, relation, tail, whether the tail is corrupt, other)."""
    table = torch.cat([p["users"], p["nodes"]])
    losses, squares = [], 0
    for head, relation, tail, tail_is_corrupt, other in pairs:
        project = lambda node: table[node] @ p["transforms"][relation]
        g = lambda h, t: (project(h) + p["relations"][relation] - project(t)).pow(2).sum()
        corrupt = g(head, other) if tail_is_corrupt else g(other, tail)
        losses.append(softplus(g(head, tail) - corrupt))
        squares = squares + sum(project(n).pow(2).sum() for n in (head, tail, other))
        squares = squares + p["relations"][relation].pow(2).sum()
    return torch.stack(losses).mean() + 0.5 * L2_FACTS * squares / len(pairs)


def pairs_loss(p, aggregator):
    final, table = embed(p, aggregator), torch.cat([p["users"], p["nodes"]])
    node = lambda item: NUM_USERS + NODE_OF_ITEM[item]
    losses, squares, facts = [], 0, []
    for user, positive, negative in zip(USERS, POSITIVES, NEGATIVES):
        i, j = node(positive), node(negative)
        losses.append(softplus(final[user] @ final[j] - final[user] @ final[i]))
        squares = squares + sum(table[n].pow(2).sum() for n in (user, i, j))
        facts += [(user, HAS, i, True, j), (i, HAD_BY, user, False, j)]
    return torch.stack(losses).mean() + 0.5 * L2 * squares / len(USERS) + transr(p, facts)


def facts_loss(p):
    facts = []
    for row, other in zip(FACT_ROWS, CORRUPT):
        head, relation, tail = FACTS[row]
        head, tail, other = NUM_USERS + head, NUM_USERS + tail, NUM_USERS + other
        facts += [(head, relation, tail, True, other), (tail, relation + NUM_RELATIONS, head, False, other)]
    return transr(p, facts)


def main():
    torch.manual_seed(2019)
    cases = []
    for aggregator in ("bi-interaction", "gcn", "graph-sage"):
        p = parameters_of(aggregator)
        pairs, facts = pairs_loss(p, aggregator), facts_loss(p)
        final = embed(p, aggregator)
        scores = final[:NUM_USERS] @ final[[NUM_USERS + node for node in NODE_OF_ITEM]].T
        cases.append({
            "config": {"embedding_dim": DIM, "relation_dim": RELATION_DIM, "layer_dims": LAYER_DIMS, "l2": L2,
                       "l2_facts": L2_FACTS, "aggregator": aggregator, "message_dropout": 0.0},
            "parameters": {name: flat(table) for name, table in p.items()},
            "losses": [pairs.item(), facts.item()],
            "gradients": [gradients(pairs, p), gradients(facts, p)],
            "scores": flat(scores),
        })
    write("python benches/rivals/kgat_step.py", cases)


if __name__ == "__main__":
    main()
