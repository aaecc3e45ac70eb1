use mpycov::{model::Level, parse, plan, weave};
fn main() {
    let mut a = std::env::args().skip(1);
    let level: Level = a.next().unwrap().parse().unwrap();
    let p = a.next().unwrap();
    let t = std::fs::read(&p).unwrap();
    let parsed = parse::parse(t.clone()).unwrap();
    let o = plan::Options { level, walrus: true, main_guard_runs: true, patterns: parse::exclude::Patterns::with_also(&[]).unwrap(), pattern_key: String::new() };
    let pl = plan::plan(&parsed, &p, &o);
    let w = weave::weave(&t, &pl);
    use std::io::Write;
    std::io::stdout().write_all(&w.text).unwrap();
    if a.next().is_some() { eprintln!("{:#?}", pl.map); }
}
