//! The command line `mpycov`.

fn main() {}
