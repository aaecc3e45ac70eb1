//! The nouns that every stage shares.
//!
//! Plain values only: no input or output, no parser types, no serialisation.
//! The static half of a measurement is a [`FileMap`] (what there is to see,
//! and which sensors show it); the dynamic half is a [`HitSet`] (which sensors
//! fired). They join by [`Digest`] and by [`SensorId`].

pub mod decision;
pub mod hits;
pub mod level;
pub mod map;
pub mod observed;
pub mod place;
pub mod tests;
pub mod verdict;

pub use decision::{Condition, ConditionTree, Decision, DecisionKind, MAX_PATHS, Path};
pub use hits::HitSet;
pub use level::Level;
pub use map::{Arc, FileMap, NotMeasured, Scope, ScopeKind, Statement, Suite};
pub use observed::{Events, Gap, Observed};
pub use place::{ArcEnd, Digest, Evidence, Line, SensorId, Span};
pub use tests::{Problem, TestCase, TestEnd, TestSuite};
pub use verdict::{
    BranchLine, ConditionVerdict, Coverage, DecisionVerdict, Exit, FileCoverage, PathVerdict,
    SuiteVerdict,
};
