//! What a source must not say.

use super::{
    At, Column, Delimiter, FeatureColumn, FeatureFile, FeatureKind, Format, Interactions, InvalidRatings, ItemsAre,
    Layout, Source,
};
use crate::DataError;

const INTERACTIONS: &str = "[interactions]";

impl Source {
    /// Checks that the source is complete and does not contradict itself; the files are not looked at.
    ///
    /// # Errors
    /// The first contradiction, with what to write instead.
    pub fn validate(&self) -> Result<(), DataError> {
        interactions(&self.interactions)?;
        if let Some(social) = &self.social {
            let columns = &social.columns;
            section("[social]", &social.file, &social.layout(), &[&columns.truster, &columns.trustee])?;
        }
        if let Some(knowledge) = &self.knowledge {
            let columns = &knowledge.columns;
            let named = [&columns.head, &columns.relation, &columns.tail];
            section("[knowledge]", &knowledge.file, &knowledge.layout(), &named)?;
            let linked = knowledge.items == ItemsAre::Linked;
            expect(linked || knowledge.link.is_none(), "[knowledge]", "`link` needs `items = \"linked\"`")?;
            expect(!linked || knowledge.link.is_some(), "[knowledge]", "`items = \"linked\"` needs `link`")?;
            if let Some(link) = &knowledge.link {
                let named = [&link.columns.item, &link.columns.entity];
                section("[knowledge.link]", &link.file, &link.layout(), &named)?;
            }
        }
        if let Some(titles) = &self.titles {
            let columns = &titles.columns;
            section("[titles]", &titles.file, &titles.layout(), &[&columns.item, &columns.title])?;
        }
        features("[[features.items]]", &self.features.items)?;
        features("[[features.users]]", &self.features.users)
    }
}

fn features(name: &'static str, files: &[FeatureFile]) -> Result<(), DataError> {
    let mut names: Vec<&str> = Vec::new();
    for file in files {
        let layout = file.layout();
        section(name, &file.file, &layout, &[&file.id])?;
        expect(!file.columns.is_empty(), name, "no `columns`; name what to read")?;
        for column in &file.columns {
            let FeatureColumn { name: feature, kind, at, separator, .. } = column;
            let wrong = |problem: &str| {
                Err(DataError::Source { section: name, problem: format!("feature `{feature}`: {problem}") })
            };
            if feature.is_empty() || names.contains(&feature.as_str()) {
                return wrong("every feature needs a name of its own");
            }
            names.push(feature);
            let several = matches!(at, Some(At::Several(_)));
            let places = column.places();
            match kind {
                FeatureKind::Categorical | FeatureKind::Numeric | FeatureKind::Year => {
                    if several || separator.is_some() {
                        return wrong("it has one value; several, or a `separator`, need `multi-valued` or `dense`");
                    }
                }
                FeatureKind::MultiValued | FeatureKind::Dense => {
                    if several == separator.is_some() || places.is_empty() {
                        return wrong("give a `separator`, or several columns, as in `at = [5, 6, 7]`");
                    }
                }
            }
            places.iter().try_for_each(|place| section(name, &file.file, &layout, &[place]))?;
            if (1..places.len()).any(|at| places[..at].contains(&places[at])) {
                return wrong("a column of `at` is named twice");
            }
        }
    }
    Ok(())
}

fn expect(holds: bool, section: &'static str, problem: &str) -> Result<(), DataError> {
    if holds { Ok(()) } else { Err(DataError::Source { section, problem: problem.to_owned() }) }
}

fn interactions(source: &Interactions) -> Result<(), DataError> {
    let split = source.train.is_some() || source.validation.is_some() || source.test.is_some();
    let whole = source.train.is_some() && source.test.is_some();
    expect(source.file.is_some() || split, INTERACTIONS, "no file; name `file`, or `train` and `test`")?;
    expect(!(source.file.is_some() && split), INTERACTIONS, "`file` excludes `train`, `validation` and `test`")?;
    expect(!split || whole, INTERACTIONS, "a published split needs both `train` and `test`")?;
    let ranges = source.rating_range.is_none_or(|[least, most]| least < most && most.is_finite() && least.is_finite());
    expect(ranges, INTERACTIONS, "`rating_range` must be two different finite numbers, the least first")?;
    let not_rated = source.not_rated.is_none_or(f32::is_finite);
    expect(not_rated, INTERACTIONS, "`not_rated` must be a finite number")?;
    let drops_invalid = source.invalid_ratings == InvalidRatings::Drop;
    let uses_rating = source.rating_range.is_some() || source.not_rated.is_some() || drops_invalid;
    if source.format == Format::Adjacency {
        expect(source.columns.is_none(), INTERACTIONS, "an adjacency list has no `columns`")?;
        expect(!uses_rating, INTERACTIONS, "an adjacency list has no ratings")?;
        return layout(INTERACTIONS, &source.layout());
    }
    let Some(columns) = &source.columns else {
        let problem = "name the `columns`, as in `columns = { user = 0, item = 1 }`";
        expect(source.format == Format::Atomic, INTERACTIONS, problem)?;
        return layout(INTERACTIONS, &source.layout());
    };
    let problem = "`rating_range`, `invalid_ratings` and `not_rated` need a `rating` column";
    expect(!uses_rating || columns.rating.is_some(), INTERACTIONS, problem)?;
    let optional = [&columns.rating, &columns.time, &columns.label].into_iter().flatten();
    let named: Vec<&Column> = [&columns.user, &columns.item].into_iter().chain(optional).collect();
    let file = source.file.as_ref().or(source.train.as_ref()).map_or("", String::as_str);
    section(INTERACTIONS, file, &source.layout(), &named)
}

fn section(section: &'static str, file: &str, of: &Layout, columns: &[&Column]) -> Result<(), DataError> {
    expect(!file.is_empty(), section, "no file; name `file`")?;
    expect(of.format != Format::Adjacency, section, "only interactions can be an adjacency list; use `table`")?;
    let named = columns.iter().any(|column| matches!(column, Column::Name(_)));
    let problem = "columns are named, but the table has no header; set `header = true` or give their numbers, from 0";
    expect(!(named && of.format == Format::Table && !of.header), section, problem)?;
    for (position, column) in columns.iter().enumerate() {
        let problem = format!("column `{column}` is named twice");
        expect(!columns[..position].contains(column), section, &problem)?;
    }
    layout(section, of)
}

fn layout(section: &'static str, layout: &Layout) -> Result<(), DataError> {
    let Layout { format, delimiter, header, quotes, .. } = layout;
    let plain = *delimiter == Delimiter::Tab && !header && !quotes;
    let problem = "`delimiter`, `header` and `quotes` are for `format = \"table\"`; the others know their own";
    expect(*format == Format::Table || plain, section, problem)?;
    let single = match delimiter {
        Delimiter::Tab => true,
        Delimiter::Whitespace => false,
        Delimiter::Text(text) => text.len() == 1,
    };
    expect(!quotes || single, section, "`quotes` need a delimiter of one byte")?;
    let parquet = *format != Format::Parquet || cfg!(feature = "parquet");
    expect(parquet, section, "Parquet needs gnnrec built with the cargo feature `parquet`")
}
