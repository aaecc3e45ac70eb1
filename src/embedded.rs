//! The modules of `runtime/` that are placed in more than one way: written beside a program of the unix port, or on a
//! board. Knows nothing else.

/// The name of the module that keeps the hits, as a file.
pub const NAME: &str = "_mpycov.py";
/// That module.
pub const RUNTIME: &str = include_str!("../runtime/_mpycov.py");
/// The modules that trace lines, by their names as files: the tracer, what notes transitions, what
/// makes the frames, and what a program calls that traces itself.
pub const TRACER: [(&str, &str); 4] = [
    ("_mpycov_trace.py", include_str!("../runtime/_mpycov_trace.py")),
    ("_mpycov_trace_arcs.py", include_str!("../runtime/_mpycov_trace_arcs.py")),
    ("_mpycov_trace_end.py", include_str!("../runtime/_mpycov_trace_end.py")),
    ("_mpycov_trace_own.py", include_str!("../runtime/_mpycov_trace_own.py")),
];
/// What tells the hits of unit tests apart.
pub const TESTS: &str = include_str!("../runtime/_mpycov_tests.py");
