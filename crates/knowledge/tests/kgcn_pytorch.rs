//! Loss and gradient of KGCN against PyTorch, which computes them pair by pair and fact by fact in double precision:
//! `benches/rivals/kgcn_step.py`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[expect(dead_code, reason = "shared with the other models")]
mod support;

use gnnrec_knowledge::KgcnConfig;
use support::equals_pytorch;

#[test]
fn a_step_is_the_step_of_pytorch() {
    let numbers = serde_json::from_str(include_str!("data/kgcn_step.json")).unwrap();
    equals_pytorch::<KgcnConfig>(&numbers, |config| {
        let by_hop = |name: &str| (0..config.num_hops).map(|hop| format!("{name}.{hop}")).collect::<Vec<_>>();
        let tables = ["users", "nodes", "relations"].map(str::to_owned);
        [tables.to_vec(), by_hop("weights"), by_hop("biases")].concat()
    });
}
