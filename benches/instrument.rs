//! How fast source text is instrumented: parse, plan and weave on one core.

use divan::counter::BytesCount;
use mpycov::instrument::instrument;
use mpycov::model::Level;
use mpycov::parse::exclude::Patterns;
use mpycov::plan::Options;

/// The one of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// The programs of `fixtures/bench` and the modules of `fixtures/example`.
fn sources() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut texts = Vec::new();
    for dir in ["bench", "example/sensorhub", "example/tests"] {
        let entries = std::fs::read_dir(root.join(dir)).expect("the fixtures are there");
        for entry in entries.flatten() {
            if entry.path().extension().is_some_and(|e| e == "py") {
                texts.push(std::fs::read(entry.path()).expect("a fixture can be read"));
            }
        }
    }
    texts
}

#[divan::bench(args = [Level::Block, Level::Line, Level::Branch, Level::Condition])]
fn instrumenting(bencher: divan::Bencher<'_, '_>, level: Level) {
    let texts = sources();
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let options = Options {
        level,
        walrus: true,
        main_guard_runs: true,
        patterns: Patterns::with_also(&[]).expect("the default patterns are sound"),
        pattern_key: String::new(),
    };
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        for text in &texts {
            divan::black_box(instrument(text.clone(), "bench.py", &options).is_ok());
        }
    });
}
