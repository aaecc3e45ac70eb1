//! The contracts with the outside, each with a version: the frames that a
//! device prints, the sensor map on disk, and the data file of a run.

pub mod data_file;
pub mod frame;
pub mod map_file;
pub mod mpy_coverage;
mod results;
