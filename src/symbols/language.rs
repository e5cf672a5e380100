//! Which grammar a file is read by.

/// A language that is read by a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript, JSX included.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Go.
    Go,
    /// Java.
    Java,
    /// C.
    C,
    /// C++; headers named `.h` too, since its grammar reads those of C as well.
    Cpp,
    /// Ruby.
    Ruby,
    /// C#.
    CSharp,
}

/// Languages that can name each other's definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript and TypeScript.
    Script,
    /// Go.
    Go,
    /// Java.
    Java,
    /// C and C++.
    C,
    /// Ruby.
    Ruby,
    /// C#.
    CSharp,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 11] = [
        Language::Rust,
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Java,
        Language::C,
        Language::Cpp,
        Language::Ruby,
        Language::CSharp,
    ];

    /// The language of a file, by the end of its name; `None` when no grammar is known for it.
    #[must_use]
    pub fn of_path(path: &[u8]) -> Option<Language> {
        let name = path.rsplit(|byte| *byte == b'/').next()?;
        let dot = name.iter().rposition(|byte| *byte == b'.')?;
        let language = match &name[dot + 1..] {
            b"rs" => Language::Rust,
            b"py" | b"pyi" => Language::Python,
            b"js" | b"mjs" | b"cjs" | b"jsx" => Language::JavaScript,
            b"ts" | b"mts" | b"cts" => Language::TypeScript,
            b"tsx" => Language::Tsx,
            b"go" => Language::Go,
            b"java" => Language::Java,
            b"c" => Language::C,
            b"cc" | b"cpp" | b"cxx" | b"h" | b"hh" | b"hpp" | b"hxx" | b"ipp" => Language::Cpp,
            b"rb" | b"rake" => Language::Ruby,
            b"cs" => Language::CSharp,
            _ => return None,
        };
        Some(language)
    }

    /// The languages that it shares names with.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Language::Rust => Family::Rust,
            Language::Python => Family::Python,
            Language::JavaScript | Language::TypeScript | Language::Tsx => Family::Script,
            Language::Go => Family::Go,
            Language::Java => Family::Java,
            Language::C | Language::Cpp => Family::C,
            Language::Ruby => Family::Ruby,
            Language::CSharp => Family::CSharp,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
            Language::TypeScript => "TypeScript",
            Language::Tsx => "TSX",
            Language::Go => "Go",
            Language::Java => "Java",
            Language::C => "C",
            Language::Cpp => "C++",
            Language::Ruby => "Ruby",
            Language::CSharp => "C#",
        }
    }

    /// Its place in [`Language::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_tells_the_language() {
        let of = |path: &str| Language::of_path(path.as_bytes());
        assert_eq!(of("src/lib.rs"), Some(Language::Rust));
        assert_eq!(of("a/b.test.tsx"), Some(Language::Tsx));
        assert_eq!(of("include/x.h"), Some(Language::Cpp));
        assert_eq!(of("rs"), None);
        assert_eq!(of("a.rs/README"), None);
        assert_eq!(Language::of_path(b"\xff\xfe.py"), Some(Language::Python));
        assert_eq!(Language::of_path(b""), None);
    }

    #[test]
    fn each_language_stands_at_its_own_index() {
        for (index, language) in Language::ALL.into_iter().enumerate() {
            assert_eq!(language.index(), index, "{}", language.as_str());
        }
    }
}
