//! The package of the benches, of the specs of published comparisons and of what drives rivals; no code of its own.
