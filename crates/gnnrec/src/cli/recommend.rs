//! `gnnrec recommend`: a finished experiment's list for one user.

use gnnrec::experiment::{self, Recommended, Request};

use super::arguments::RecommendArguments;
use super::failure::Failure;
use super::progress::Watch;
use super::{environment, output, table};

pub(crate) fn run(arguments: &RecommendArguments) -> Result<(), Failure> {
    let data = environment::data_folder(&arguments.data);
    let mut watch = Watch::new(arguments.json);
    watch.begin(&format!("asking the models in {}", arguments.run.display()));
    let recommended = experiment::recommend(&Request {
        run: &arguments.run,
        data: &data,
        cache: arguments.cache.cache.as_deref(),
        user: &arguments.user,
        k: arguments.k.get(),
        model: arguments.model.as_deref(),
        seed: arguments.seed,
    })?;
    drop(watch);
    let text = if arguments.json {
        serde_json::to_string_pretty(&recommended).expect("a list is plain data")
    } else {
        list(&recommended)
    };
    Ok(output::print(&text)?)
}

fn list(recommended: &Recommended) -> String {
    let Recommended { user, is_known, label, seed, items } = recommended;
    let title = if *is_known {
        format!("for user {user}, by {label} with seed {seed}")
    } else {
        format!("user {user} is not in the dataset: no model knows them, these are the most popular items")
    };
    let row = |place: &experiment::RecommendedItem| {
        let title = place.title.clone().unwrap_or_else(|| "-".to_owned());
        vec![place.rank.to_string(), place.item.clone(), title, format!("{:.4}", place.score)]
    };
    if items.is_empty() {
        return format!("{title}\n\nnothing: the user has had every item");
    }
    let header = ["rank", "item", "title", "score"].map(str::to_owned).to_vec();
    format!("{title}\n\n{}", table::table(header, items.iter().map(row).collect(), 3))
}

#[cfg(test)]
mod tests {
    use gnnrec::experiment::RecommendedItem;

    use super::*;

    #[test]
    fn an_unknown_user_is_told_so() {
        let item = RecommendedItem { rank: 1, item: "i7".to_owned(), title: Some("Dust".to_owned()), score: 2.0 };
        let mut recommended = Recommended {
            user: "u1".to_owned(),
            is_known: true,
            label: "lightgcn".to_owned(),
            seed: 1,
            items: vec![item],
        };
        insta::assert_snapshot!(list(&recommended), @r"
        for user u1, by lightgcn with seed 1

        | rank | item | title |  score |
        |------|------|-------|--------|
        | 1    | i7   | Dust  | 2.0000 |
        ");
        recommended.is_known = false;
        assert!(list(&recommended).starts_with("user u1 is not in the dataset"));
        recommended.items.clear();
        assert!(list(&recommended).ends_with("nothing: the user has had every item"));
    }
}
