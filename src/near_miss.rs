//! Did you mean: the one known word that a mistyped one is close to.

/// No name in here is longer; more of a typed word is not compared.
const COMPARED_CHARS: usize = 64;
/// How much of two words must agree, from 0 to 1.
const ALIKE: f32 = 0.7;

/// The known word that is nearest to `word`, if it is near enough to be what was meant. Case does not matter.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let lower: Vec<String> = known.iter().map(|known| known.to_lowercase()).collect();
    let possible: Vec<&str> = lower.iter().map(String::as_str).collect();
    let word: String = word
        .chars()
        .take(COMPARED_CHARS)
        .collect::<String>()
        .to_lowercase();
    let found = similar::get_close_matches(word.as_str(), &possible, 1, ALIKE);
    let at = lower
        .iter()
        .position(|lower| Some(&lower.as_str()) == found.first())?;
    Some(known[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_slips_are_near_and_other_words_are_not() {
        let words = [
            "model",
            "effort",
            "strategy",
            "gate.max_blocks",
            "rank",
            "self-collect",
        ];
        for (typed, meant) in [
            ("modle", Some("model")),
            ("Model", Some("model")),
            ("efort", Some("effort")),
            ("stratergy", Some("strategy")),
            ("gate.max-blocks", Some("gate.max_blocks")),
            ("rnak", Some("rank")),
            ("selfcollect", Some("self-collect")),
            ("self_colect", Some("self-collect")),
            ("everything", None),
            ("", None),
            ("x", None),
            ("colour", None),
            (&"m".repeat(10_000), None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
    }
}
