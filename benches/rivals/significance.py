"""Paired tests by SciPy and Holm's correction by statsmodels, as numbers for crates/eval/tests/significance_scipy.rs.

    pip install scipy statsmodels
    python benches/rivals/significance.py > crates/eval/tests/data/significance.json

Differences are sixteenths, so that both sides start from the same numbers and ties are ties.
"""

import json
import sys

import numpy
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests


def wilcoxon(name, differences, method):
    differences = numpy.asarray(differences, dtype=float)
    result = stats.wilcoxon(differences, zero_method="wilcox", correction=False, method=method)
    kept = differences[differences != 0]
    ranks = stats.rankdata(numpy.abs(kept))
    return {
        "name": name,
        "differences": differences.tolist(),
        "rank_sum_plus": ranks[kept > 0].sum(),
        "rank_sum_minus": ranks[kept < 0].sum(),
        "statistic": result.statistic,
        "p_value": result.pvalue,
        "exact": method != "asymptotic",
    }


def bootstrap(values, confidence):
    # Ten times the resamples of the implementation under test: the reference is the quieter of the two.
    result = stats.bootstrap(
        (values,), numpy.mean, n_resamples=100_000, confidence_level=confidence, method="percentile", rng=1, batch=1000
    )
    return {
        "values": values.tolist(),
        "confidence": confidence,
        "low": result.confidence_interval.low,
        "high": result.confidence_interval.high,
        "standard_error": result.standard_error,
    }


def main():
    random = numpy.random.default_rng(2020)
    # Every sign choice is tried where SciPy has no exact distribution, which is where there are ties.
    every_sign = stats.PermutationMethod(n_resamples=numpy.inf)
    distinct = lambda n: random.permutation(numpy.arange(1, n + 1)) * random.choice([-1, 1, 1], n) / 16
    tied = lambda n, shift: (random.integers(-6, 7, n) + (random.random(n) < shift)) / 16
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03, 0.2, 1.0]
    json.dump(
        {
            "command": "python benches/rivals/significance.py",
            "scipy": scipy.__version__,
            "statsmodels": statsmodels.__version__,
            "wilcoxon": [
                wilcoxon("9 distinct", distinct(9), "exact"),
                wilcoxon("50 distinct", distinct(50), "exact"),
                wilcoxon("14 with ties, 2 zeros", numpy.append(tied(14, 0.5), [0, 0]), every_sign),
                wilcoxon("51 distinct", distinct(51), "asymptotic"),
                wilcoxon("300 with ties and zeros", tied(300, 0.5), "asymptotic"),
                wilcoxon("400 far from zero", tied(400, 1.0) + 3 / 16, "asymptotic"),
            ],
            "bootstrap": [
                bootstrap(tied(60, 0.5), 0.95),
                bootstrap(random.integers(0, 40, 200) ** 2 / 16, 0.8),
            ],
            "holm": {"p_values": p_values, "corrected": multipletests(p_values, method="holm")[1].tolist()},
        },
        fp=sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
