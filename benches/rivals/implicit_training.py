"""An epoch of training in implicit: als or bpr, for information: neither does the work of a LightGCN epoch.

    python benches/rivals/implicit_training.py als|bpr FOLDER        (see fixture.py)

`als` is one sweep over users and items (conjugate gradients, its default); `bpr` draws as many triples as there are
training pairs and takes a step of SGD for each. A round is that many epochs of a model that was made before.
"""

import sys

import implicit
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

from fixture import Fixture, serve


def main():
    way, fixture = sys.argv[1], Fixture(sys.argv[2])
    threadpool_limits(1, "blas")
    options = {"factors": fixture.dim, "num_threads": fixture.threads, "random_state": 1}
    kind = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}[way]
    model, interactions = kind(iterations=1, **options), fixture.interactions()
    # The first call makes the factors; a later one goes on from them.
    model.fit(interactions, show_progress=False)

    def one_round(steps):
        model.iterations = steps
        model.fit(interactions, show_progress=False)

    serve(fixture, {"implicit": implicit.__version__}, one_round)


if __name__ == "__main__":
    main()
