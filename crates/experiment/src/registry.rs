//! Every model by name: the one list that specs, tables and the command line read.
//!
//! A new model is its file, a variant here, and what the compiler then asks for.

use std::path::Path;

use burn::tensor::Device;
use gnnrec_eval::{Scorer, Task};
use gnnrec_graph::World;
use gnnrec_interaction::{
    EaseConfig, GfCfConfig, ItemKnnConfig, LightGcnConfig, MfBprConfig, NgcfConfig, PinSageConfig, PopularityConfig,
    RatingBiasConfig, SvdPpConfig,
};
use gnnrec_knowledge::{KgatConfig, KgcnConfig, KginConfig};
use gnnrec_model::{ClosedForm, Family, GradientConfig, GradientModel};
use gnnrec_social::{DiffNetConfig, GraphRecConfig, SocialLightGcnConfig, SocialMfConfig, TrustSvdConfig};
use gnnrec_train::{Run, TrainRecord, fit, load_model, save_model};
use serde::{Deserialize, Serialize};

use crate::ExperimentError;

/// A model's name and configuration: `{ model = "lightgcn", config = { num_layers = 3 } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", content = "config", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// The most popular items.
    Popularity(PopularityConfig),
    /// Cosine neighbours of the user's items.
    ItemKnn(ItemKnnConfig),
    /// A linear item-item model, solved for.
    Ease(EaseConfig),
    /// A graph filter, solved for.
    #[serde(rename = "gf-cf")]
    GfCf(GfCfConfig),
    /// Matrix factorisation.
    MfBpr(MfBprConfig),
    /// Linear propagation over users and items.
    #[serde(rename = "lightgcn")]
    LightGcn(LightGcnConfig),
    /// Propagation with weights and products of neighbours.
    Ngcf(NgcfConfig),
    /// Convolution over walked neighbourhoods, from features of items.
    #[serde(rename = "pinsage")]
    PinSage(PinSageConfig),
    /// Ratings from biases alone.
    RatingBias(RatingBiasConfig),
    /// Matrix factorisation of ratings with what else the user rated.
    #[serde(rename = "svdpp")]
    SvdPp(SvdPpConfig),
    /// Linear propagation over users, items and ties between users.
    #[serde(rename = "social-lightgcn")]
    SocialLightGcn(SocialLightGcnConfig),
    /// Influence diffused through friends.
    #[serde(rename = "diffnet")]
    DiffNet(DiffNetConfig),
    /// Matrix factorisation of ratings with what else the user rated and whom the user trusts.
    #[serde(rename = "trustsvd")]
    TrustSvd(TrustSvdConfig),
    /// Matrix factorisation of ratings that draws users towards whom they trust.
    #[serde(rename = "socialmf")]
    SocialMf(SocialMfConfig),
    /// Ratings from attention over opinions and friends.
    #[serde(rename = "graphrec")]
    GraphRec(GraphRecConfig),
    /// Convolution over facts about items.
    Kgcn(KgcnConfig),
    /// Attention over users, items and facts in one graph.
    Kgat(KgatConfig),
    /// Intents made of relations.
    Kgin(KginConfig),
}

/// A model that scores, and how it got there.
pub(crate) struct Fitted {
    pub(crate) scorer: Box<dyn Scorer>,
    pub(crate) training: Option<TrainRecord>,
}

/// Does the same for every model: `closed` for those that are solved for, `trained` for the others.
macro_rules! each_model {
    ($value:expr, closed $closed:ident => $solve:expr, trained $trained:ident => $train:expr) => {
        match $value {
            ModelConfig::Popularity($closed) => $solve,
            ModelConfig::ItemKnn($closed) => $solve,
            ModelConfig::Ease($closed) => $solve,
            ModelConfig::GfCf($closed) => $solve,
            ModelConfig::MfBpr($trained) => $train,
            ModelConfig::LightGcn($trained) => $train,
            ModelConfig::Ngcf($trained) => $train,
            ModelConfig::PinSage($trained) => $train,
            ModelConfig::RatingBias($closed) => $solve,
            ModelConfig::SvdPp($trained) => $train,
            ModelConfig::SocialLightGcn($trained) => $train,
            ModelConfig::DiffNet($trained) => $train,
            ModelConfig::TrustSvd($trained) => $train,
            ModelConfig::SocialMf($trained) => $train,
            ModelConfig::GraphRec($trained) => $train,
            ModelConfig::Kgcn($trained) => $train,
            ModelConfig::Kgat($trained) => $train,
            ModelConfig::Kgin($trained) => $train,
        }
    };
}

impl ModelConfig {
    /// Every model with its default configuration, in the order of tables.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::Popularity(PopularityConfig::default()),
            Self::ItemKnn(ItemKnnConfig::default()),
            Self::Ease(EaseConfig::default()),
            Self::GfCf(GfCfConfig::default()),
            Self::MfBpr(MfBprConfig::default()),
            Self::LightGcn(LightGcnConfig::default()),
            Self::Ngcf(NgcfConfig::default()),
            Self::PinSage(PinSageConfig::default()),
            Self::RatingBias(RatingBiasConfig::default()),
            Self::SvdPp(SvdPpConfig::default()),
            Self::SocialLightGcn(SocialLightGcnConfig::default()),
            Self::DiffNet(DiffNetConfig::default()),
            Self::TrustSvd(TrustSvdConfig::default()),
            Self::SocialMf(SocialMfConfig::default()),
            Self::GraphRec(GraphRecConfig::default()),
            Self::Kgcn(KgcnConfig::default()),
            Self::Kgat(KgatConfig::default()),
            Self::Kgin(KginConfig::default()),
        ]
    }

    /// Configurations of published settings: model, name of the preset, configuration.
    #[must_use]
    pub fn presets() -> Vec<(&'static str, Self)> {
        vec![
            ("gowalla", Self::ItemKnn(ItemKnnConfig::gowalla())),
            ("gowalla", Self::Ease(EaseConfig::gowalla())),
            ("yelp2018", Self::Ease(EaseConfig::yelp2018())),
            ("gowalla", Self::LightGcn(LightGcnConfig::gowalla())),
            ("gowalla-quick", Self::LightGcn(LightGcnConfig::gowalla_quick())),
            ("yelp2018", Self::LightGcn(LightGcnConfig::yelp2018())),
            ("gowalla", Self::Ngcf(NgcfConfig::gowalla())),
            ("global-mean", Self::RatingBias(RatingBiasConfig::global_mean())),
            ("netflix", Self::RatingBias(RatingBiasConfig::netflix())),
            ("logistic", Self::SocialMf(SocialMfConfig::logistic())),
            ("embedding-shortcut", Self::GraphRec(GraphRecConfig::embedding_shortcut())),
            ("lastfm", Self::Kgcn(KgcnConfig::lastfm())),
            ("lastfm", Self::Kgat(KgatConfig::lastfm())),
            ("lastfm", Self::Kgin(KginConfig::lastfm())),
            ("alibaba-ifashion", Self::Kgin(KginConfig::alibaba_ifashion())),
        ]
    }

    /// The model's name, as in a spec.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Popularity(_) => "popularity",
            Self::ItemKnn(_) => "item-knn",
            Self::Ease(_) => "ease",
            Self::GfCf(_) => "gf-cf",
            Self::MfBpr(_) => "mf-bpr",
            Self::LightGcn(_) => "lightgcn",
            Self::Ngcf(_) => "ngcf",
            Self::PinSage(_) => "pinsage",
            Self::RatingBias(_) => "rating-bias",
            Self::SvdPp(_) => "svdpp",
            Self::SocialLightGcn(_) => "social-lightgcn",
            Self::DiffNet(_) => "diffnet",
            Self::TrustSvd(_) => "trustsvd",
            Self::SocialMf(_) => "socialmf",
            Self::GraphRec(_) => "graphrec",
            Self::Kgcn(_) => "kgcn",
            Self::Kgat(_) => "kgat",
            Self::Kgin(_) => "kgin",
        }
    }

    /// What it does, in a few words for lists of models.
    #[must_use]
    pub const fn summary(&self) -> &'static str {
        match self {
            Self::Popularity(_) => "the items that most users chose",
            Self::ItemKnn(_) => "items chosen together with the user's own",
            Self::Ease(_) => "a linear item-item model",
            Self::GfCf(_) => "a low-pass filter on the item-item graph",
            Self::MfBpr(_) => "matrix factorisation with a pairwise loss",
            Self::LightGcn(_) => "linear propagation",
            Self::Ngcf(_) => "propagation with weights and products",
            Self::PinSage(_) => "convolution over walked neighbours",
            Self::RatingBias(_) => "ratings from biases",
            Self::SvdPp(_) => "ratings from factors and what else was rated",
            Self::SocialLightGcn(_) => "LightGCN with ties between users in its graph",
            Self::DiffNet(_) => "influence that spreads from friend to friend",
            Self::TrustSvd(_) => "ratings from factors and trust",
            Self::SocialMf(_) => "ratings from factors that follow trust",
            Self::GraphRec(_) => "ratings from opinions and friends",
            Self::Kgcn(_) => "facts about items, weighted for the user",
            Self::Kgat(_) => "attention over interactions and facts",
            Self::Kgin(_) => "intents made of relations",
        }
    }

    /// What the model looks at.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::Popularity(_)
            | Self::ItemKnn(_)
            | Self::Ease(_)
            | Self::GfCf(_)
            | Self::MfBpr(_)
            | Self::LightGcn(_)
            | Self::Ngcf(_)
            | Self::PinSage(_)
            | Self::RatingBias(_)
            | Self::SvdPp(_) => Family::Interaction,
            Self::SocialLightGcn(_) | Self::DiffNet(_) | Self::TrustSvd(_) | Self::SocialMf(_) | Self::GraphRec(_) => {
                Family::Social
            }
            Self::Kgcn(_) | Self::Kgat(_) | Self::Kgin(_) => Family::Knowledge,
        }
    }

    /// What the model can be asked for.
    #[must_use]
    pub const fn tasks(&self) -> &'static [Task] {
        match self {
            Self::RatingBias(_) | Self::SvdPp(_) | Self::TrustSvd(_) | Self::SocialMf(_) | Self::GraphRec(_) => {
                &[Task::Rate]
            }
            // Trained on the cross entropy of clicks.
            Self::Kgcn(_) => &[Task::Rank, Task::ClickThrough],
            Self::Popularity(_)
            | Self::ItemKnn(_)
            | Self::Ease(_)
            | Self::GfCf(_)
            | Self::MfBpr(_)
            | Self::LightGcn(_)
            | Self::Ngcf(_)
            | Self::PinSage(_)
            | Self::SocialLightGcn(_)
            | Self::DiffNet(_)
            | Self::Kgat(_)
            | Self::Kgin(_) => &[Task::Rank],
        }
    }

    /// Refuses a task that the model cannot do, with the models that can.
    pub(crate) fn check_task(&self, task: Task, place: &str) -> Result<(), ExperimentError> {
        if self.tasks().contains(&task) {
            return Ok(());
        }
        let able: Vec<&str> =
            Self::all().iter().filter(|model| model.tasks().contains(&task)).map(Self::name).collect();
        let message = format!("`{}` cannot {task}; models that can: {}", self.name(), able.join(", "));
        Err(ExperimentError::Spec { place: place.to_owned(), message })
    }

    /// Whether it is trained by gradient, and has epochs.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        each_model!(self, closed _c => false, trained _t => true)
    }

    /// Whether a world has what the model looks at.
    #[must_use]
    pub fn suits(&self, world: &World) -> bool {
        match self.family() {
            Family::Interaction => true,
            Family::Social => world.social().is_some(),
            Family::Knowledge => world.knowledge().is_some(),
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), gnnrec_model::ModelError> {
        each_model!(self, closed config => config.validate(), trained config => config.validate())
    }

    /// The model on a training world, ready to score. A trained model leaves its weights in a file.
    pub(crate) fn fit(&self, world: &World, run: Run<'_>, weights: &Path) -> Result<Fitted, ExperimentError> {
        each_model!(
            self,
            closed config => solve(config, world, run.seed),
            trained config => train(config, world, run, weights)
        )
    }

    /// A model of an earlier run: trained weights are read, a closed form is solved for again.
    pub(crate) fn reload(&self, world: &World, seed: u64, weights: &Path) -> Result<Box<dyn Scorer>, ExperimentError> {
        each_model!(
            self,
            closed config => Ok(solve(config, world, seed)?.scorer),
            trained config => Ok(load_model(config, world, seed, &Device::flex(), weights)?.scorer())
        )
    }
}

fn solve(config: &impl ClosedForm, world: &World, seed: u64) -> Result<Fitted, ExperimentError> {
    Ok(Fitted { scorer: config.fit(world, seed)?, training: None })
}

fn train<C: GradientConfig>(
    config: &C,
    world: &World,
    run: Run<'_>,
    weights: &Path,
) -> Result<Fitted, ExperimentError> {
    let fitted = fit(config, world, run)?;
    save_model(&fitted.model, weights)?;
    Ok(Fitted { scorer: fitted.model.scorer(), training: Some(fitted.record) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_specs() {
        for config in ModelConfig::all() {
            let json = serde_json::to_value(&config).unwrap();
            assert_eq!(json["model"], config.name());
            assert_eq!(serde_json::from_value::<ModelConfig>(json).unwrap(), config);
            config.validate().unwrap();
        }
    }

    /// Nothing that a spec may name is left out where models are listed.
    #[test]
    fn all_are_all() {
        let error = serde_json::from_str::<ModelConfig>(r#"{"model": "?", "config": {}}"#).unwrap_err().to_string();
        let (_, listed) = error.split_once("expected one of").unwrap();
        let listed: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        let all = ModelConfig::all();
        assert_eq!(listed, all.iter().map(ModelConfig::name).collect::<Vec<_>>());
    }
}
