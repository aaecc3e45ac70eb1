//! mpycov: what did the tests exercise in Python that runs on a microcontroller?

pub mod device;
