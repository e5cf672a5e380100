//! Benchmarks, filled in below.
fn main() {
    divan::main();
}
