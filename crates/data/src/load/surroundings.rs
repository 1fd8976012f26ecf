//! What stands around the interactions: ties of the users, facts and titles of the items.
//!
//! Users and items without a single interaction are not in the vocabularies; what is said of them is
//! left out and counted.

use gnnrec_graph::{EntityId, RelationId, TieDirection, Triple, UserId};
use hashbrown::HashSet;

use super::Files;
use crate::read::{Wanted, read_rows};
use crate::report::Reason;
use crate::source::{ItemsAre, Knowledge, Social, Titles};
use crate::{DataError, Facts, Ties, Vocabulary};

pub(super) fn ties(social: &Social, users: &Vocabulary, files: &mut Files<'_>) -> Result<Ties, DataError> {
    let direction = TieDirection::from(social.direction);
    let mut pairs: Vec<(UserId, UserId)> = Vec::new();
    let mut known = HashSet::new();
    let columns = &social.columns;
    let wanted = [Wanted::required("truster", &columns.truster), Wanted::required("trustee", &columns.trustee)];
    files.read(&social.file, |path, step| {
        read_rows(path, &social.layout(), &wanted, step, |step, row| {
            let (truster, trustee) = (row.id(0)?, row.id(1)?);
            let (Some(a), Some(b)) = (users.get(&truster), users.get(&trustee)) else {
                step.drop(if truster == trustee { Reason::SelfTie } else { Reason::UnknownUser }, row.line);
                return Ok(());
            };
            if a == b {
                step.drop(Reason::SelfTie, row.line);
            } else if known.contains(&(a, b)) {
                step.drop(Reason::Repeated, row.line);
            } else if direction == TieDirection::Symmetric && known.contains(&(b, a)) {
                known.insert((a, b));
                step.drop(Reason::OtherWay, row.line);
            } else {
                known.insert((a, b));
                pairs.push((UserId(a), UserId(b)));
                step.keep();
            }
            Ok(())
        })
    })?;
    Ok(Ties { pairs, direction })
}

pub(super) fn facts(source: &Knowledge, items: &Vocabulary, files: &mut Files<'_>) -> Result<Facts, DataError> {
    let mut facts = Facts { entity_of_item: vec![None; items.len()], ..Facts::default() };
    if source.items == ItemsAre::SameIds {
        for (name, entity) in items.names().zip(&mut facts.entity_of_item) {
            *entity = Some(EntityId(facts.entities.intern(name)?));
        }
    }
    let columns = &source.columns;
    let wanted = [
        Wanted::required("head", &columns.head),
        Wanted::required("relation", &columns.relation),
        Wanted::required("tail", &columns.tail),
    ];
    let mut known = HashSet::new();
    files.read(&source.file, |path, step| {
        read_rows(path, &source.layout(), &wanted, step, |step, row| {
            let head = EntityId(facts.entities.intern(&row.id(0)?)?);
            let relation = RelationId(facts.relations.intern(&row.id(1)?)?);
            let tail = EntityId(facts.entities.intern(&row.id(2)?)?);
            let triple = Triple { head, relation, tail };
            if known.insert(triple) {
                facts.triples.push(triple);
                step.keep();
            } else {
                step.drop(Reason::Repeated, row.line);
            }
            Ok(())
        })
    })?;
    let Some(link) = &source.link else { return Ok(facts) };
    let wanted = [Wanted::required("item", &link.columns.item), Wanted::required("entity", &link.columns.entity)];
    files.read(&link.file, |path, step| {
        read_rows(path, &link.layout(), &wanted, step, |step, row| {
            let (item, entity) = (row.id(0)?, row.id(1)?);
            let Some(item) = items.get(&item) else {
                step.drop(Reason::UnknownItem, row.line);
                return Ok(());
            };
            match &mut facts.entity_of_item[item as usize] {
                Some(_) => step.drop(Reason::SecondForItem, row.line),
                free => {
                    *free = Some(EntityId(facts.entities.intern(&entity)?));
                    step.keep();
                }
            }
            Ok(())
        })
    })?;
    Ok(facts)
}

pub(super) fn titles(
    source: &Titles,
    items: &Vocabulary,
    files: &mut Files<'_>,
) -> Result<Vec<Option<String>>, DataError> {
    let mut titles = vec![None; items.len()];
    let wanted = [Wanted::required("item", &source.columns.item), Wanted::required("title", &source.columns.title)];
    files.read(&source.file, |path, step| {
        read_rows(path, &source.layout(), &wanted, step, |step, row| {
            let (item, title) = (row.id(0)?, row.text(1)?);
            match items.get(&item).map(|item| &mut titles[item as usize]) {
                None => step.drop(Reason::UnknownItem, row.line),
                Some(_) if title.is_empty() => step.drop(Reason::NoTitle, row.line),
                Some(Some(_)) => step.drop(Reason::SecondForItem, row.line),
                Some(free) => {
                    *free = Some(title.into_owned());
                    step.keep();
                }
            }
            Ok(())
        })
    })?;
    Ok(titles)
}
