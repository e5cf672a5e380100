//! What two runs of the same tests show: one on the change, one on its base.

/// How one side's run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideEnd {
    /// Every test passed.
    Passed,
    /// A test failed.
    Failed,
    /// The tests could not be built or loaded.
    NotBuilt,
    /// It could not be run to its end: why, as a fragment.
    NotRun(String),
}

impl SideEnd {
    /// A stable word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            SideEnd::Passed => "passed",
            SideEnd::Failed => "failed",
            SideEnd::NotBuilt => "not-built",
            SideEnd::NotRun(_) => "not-run",
        }
    }
}

/// What the runs show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// They pass on the change and fail on its base.
    ShowsTheChange,
    /// They pass on the change, and cannot even be built on its base.
    NeedsTheChange,
    /// They pass on both.
    WouldNotHaveCaught,
    /// They do not pass on the change.
    DoesNotPass,
    /// It cannot be said: why, as a fragment.
    NotJudged(String),
}

impl Judgement {
    /// A stable word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Judgement::ShowsTheChange => "shows-the-change",
            Judgement::NeedsTheChange => "needs-the-change",
            Judgement::WouldNotHaveCaught => "would-not-have-caught-it",
            Judgement::DoesNotPass => "does-not-pass",
            Judgement::NotJudged(_) => "not-judged",
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Judgement::ShowsTheChange => {
                "The tests show the change: they pass with it and fail on its base.".to_owned()
            }
            Judgement::NeedsTheChange => {
                "The tests pass with the change; on its base they cannot be built or loaded, so that this says nothing about what they would catch.".to_owned()
            }
            Judgement::WouldNotHaveCaught => {
                "The tests would not have caught it: they pass with the change and on its base.".to_owned()
            }
            Judgement::DoesNotPass => "The tests do not pass with the change.".to_owned(),
            Judgement::NotJudged(why) => format!("The tests were not judged: {why}."),
        }
    }

    /// How grave it is, for the choice among several: the gravest speaks for all.
    fn rank(&self) -> u8 {
        match self {
            Judgement::ShowsTheChange => 0,
            Judgement::NeedsTheChange => 1,
            Judgement::WouldNotHaveCaught => 2,
            Judgement::NotJudged(_) => 3,
            Judgement::DoesNotPass => 4,
        }
    }

    /// What several packages come to together. Where one shows the change, others that pass on both sides do not take
    /// that away; `None` for no package.
    #[must_use]
    pub fn of_all(judgements: impl IntoIterator<Item = Judgement>) -> Option<Judgement> {
        let all: Vec<Judgement> = judgements.into_iter().collect();
        let gravest = all.iter().max_by_key(|judgement| judgement.rank())?.clone();
        let shown = all.contains(&Judgement::ShowsTheChange);
        Some(match gravest {
            Judgement::WouldNotHaveCaught | Judgement::NeedsTheChange if shown => {
                Judgement::ShowsTheChange
            }
            gravest => gravest,
        })
    }
}

/// What the two runs show; `base` is `None` where the change has none.
#[must_use]
pub fn judge(change: &SideEnd, base: Option<&SideEnd>) -> Judgement {
    match (change, base) {
        (SideEnd::NotRun(why), _) => Judgement::NotJudged(why.clone()),
        (SideEnd::Failed | SideEnd::NotBuilt, _) => Judgement::DoesNotPass,
        (SideEnd::Passed, Some(SideEnd::Failed)) => Judgement::ShowsTheChange,
        (SideEnd::Passed, Some(SideEnd::NotBuilt)) => Judgement::NeedsTheChange,
        (SideEnd::Passed, Some(SideEnd::Passed)) => Judgement::WouldNotHaveCaught,
        (SideEnd::Passed, Some(SideEnd::NotRun(why))) => {
            Judgement::NotJudged(format!("they pass with the change, and on its base {why}"))
        }
        (SideEnd::Passed, None) => Judgement::NotJudged(
            "they pass with the change, which has no base to compare with".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_ends_has_its_judgement() {
        use SideEnd::{Failed, NotBuilt, NotRun, Passed};
        let not_run = || NotRun("there is no `x`".to_owned());
        for (change, base, expected) in [
            (Passed, Some(Failed), "shows-the-change"),
            (Passed, Some(NotBuilt), "needs-the-change"),
            (Passed, Some(Passed), "would-not-have-caught-it"),
            (Passed, Some(not_run()), "not-judged"),
            (Passed, None, "not-judged"),
            (Failed, Some(Passed), "does-not-pass"),
            (Failed, Some(Failed), "does-not-pass"),
            (NotBuilt, None, "does-not-pass"),
            (not_run(), Some(Passed), "not-judged"),
        ] {
            let judgement = judge(&change, base.as_ref());
            assert_eq!(judgement.as_str(), expected, "{change:?} {base:?}");
            assert!(judgement.sentence().ends_with('.'));
        }
    }

    #[test]
    fn one_package_that_shows_the_change_is_enough_unless_another_fails() {
        use Judgement::{DoesNotPass, ShowsTheChange, WouldNotHaveCaught};
        assert_eq!(Judgement::of_all([]), None);
        assert_eq!(
            Judgement::of_all([WouldNotHaveCaught, ShowsTheChange]),
            Some(ShowsTheChange)
        );
        assert_eq!(
            Judgement::of_all([ShowsTheChange, DoesNotPass]),
            Some(DoesNotPass)
        );
        let unknown = Judgement::NotJudged("x".into());
        assert_eq!(
            Judgement::of_all([ShowsTheChange, unknown.clone()]),
            Some(unknown)
        );
    }
}
