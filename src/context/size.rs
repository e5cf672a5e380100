//! Sizes for people.

/// `812 bytes`, `24.0 KiB`, `3.1 MiB`, …
#[must_use]
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} byte{}", plural(bytes));
    }
    let mut unit = 0;
    // In tenths and with integers, so that every platform rounds alike.
    let mut tenths = bytes.saturating_mul(10) / 1024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `s`, except after one.
pub(super) fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", plural(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal_and_the_fitting_unit() {
        let sizes = [
            0,
            1,
            1023,
            1024,
            1536,
            262_144,
            1_048_576,
            3_300_000,
            u64::MAX,
        ];
        let shown: Vec<String> = sizes.into_iter().map(human_size).collect();
        assert_eq!(shown[..4], ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB"]);
        assert_eq!(shown[4..8], ["1.5 KiB", "256.0 KiB", "1.0 MiB", "3.1 MiB"]);
        assert!(shown[8].ends_with(" TiB"));
    }
}
