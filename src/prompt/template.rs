//! Text with named holes: `{{name}}`.
//!
//! Strict in both directions: a hole without a value and a value without a hole are errors. What is filled in is never
//! looked at again, so a value that holds `{{name}}` stays as it is.

/// A template that cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text has a hole that was given no value.
    #[error("the template has a placeholder `{0}` that nothing fills")]
    Unknown(String),
    /// A value was given for a hole that the text does not have.
    #[error("the template has no placeholder `{0}`")]
    Unused(String),
    /// `{{` without `}}`.
    #[error("the template opens a placeholder at byte {0} and does not close it")]
    Unclosed(usize),
}

/// Fills the holes of `template` with `values`.
///
/// # Errors
///
/// When holes and values do not match one to one by name (a hole may occur more than once), or a hole is not closed.
pub fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, TemplateError> {
    let added: usize = values.iter().map(|(_, value)| value.len()).sum();
    let mut out = String::with_capacity(template.len() + added);
    let mut used = vec![false; values.len()];
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        let opened = template.len() - rest.len() + start;
        let inner = &rest[start + 2..];
        let end = inner.find("}}").ok_or(TemplateError::Unclosed(opened))?;
        let name = inner[..end].trim();
        let index = values
            .iter()
            .position(|(known, _)| *known == name)
            .ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
        used[index] = true;
        out.push_str(&rest[..start]);
        out.push_str(values[index].1);
        rest = &inner[end + 2..];
    }
    out.push_str(rest);
    match used.iter().position(|used| !used) {
        Some(index) => Err(TemplateError::Unused(values[index].0.to_owned())),
        None => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_once_and_values_are_not_looked_at_again() {
        let filled = fill("a {{x}} b {{ y }} {{x}}", &[("x", "{{y}}"), ("y", "2")]);
        assert_eq!(filled.as_deref(), Ok("a {{y}} b 2 {{y}}"));
    }

    #[test]
    fn holes_and_values_must_match() {
        assert_eq!(
            fill("{{typo}}", &[]),
            Err(TemplateError::Unknown("typo".into()))
        );
        assert_eq!(
            fill("text", &[("x", "1")]),
            Err(TemplateError::Unused("x".into()))
        );
        assert_eq!(fill("ab {{x", &[]), Err(TemplateError::Unclosed(3)));
    }
}
