//! What the node kinds of each grammar mean: one table a language.

use std::sync::OnceLock;

use tree_sitter::Language as Grammar;

use super::language::Language;
use super::outline::Kind;

/// What a node is to an outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing of its own.
    None,
    /// An identifier.
    Identifier,
    /// A definition, wherever it stands.
    Definition(Kind),
    /// A definition only if it has a body: `struct point p` is none.
    WithBody(Kind),
    /// A definition only outside of functions.
    Outside(Kind),
    /// A definition only outside of functions, and only if what it declares is a function.
    Prototype,
    /// A binding, which is a function if its value is one, else a value if it stands outside of functions.
    Binding,
    /// What wraps a definition and belongs to it: decorators, `export`, `template <…>`.
    Wrapper,
}

use Kind::{Block, Function, Macro, Module, Type, Value};
use Role::{Binding, Definition, Identifier, Outside, Prototype, WithBody, Wrapper};

const RUST: &[(&str, Role)] = &[
    ("function_item", Definition(Function)),
    ("function_signature_item", Definition(Function)),
    ("struct_item", Definition(Type)),
    ("enum_item", Definition(Type)),
    ("union_item", Definition(Type)),
    ("trait_item", Definition(Type)),
    ("type_item", Definition(Type)),
    ("associated_type", Definition(Type)),
    ("mod_item", WithBody(Module)),
    ("const_item", Definition(Value)),
    ("static_item", Definition(Value)),
    ("macro_definition", Definition(Macro)),
    ("impl_item", Definition(Block)),
    ("identifier", Identifier),
    ("type_identifier", Identifier),
    ("field_identifier", Identifier),
    ("shorthand_field_identifier", Identifier),
];

const PYTHON: &[(&str, Role)] = &[
    ("function_definition", Definition(Function)),
    ("class_definition", Definition(Type)),
    ("decorated_definition", Wrapper),
    ("assignment", Outside(Value)),
    ("identifier", Identifier),
];

const SCRIPT: &[(&str, Role)] = &[
    ("function_declaration", Definition(Function)),
    ("generator_function_declaration", Definition(Function)),
    ("method_definition", Definition(Function)),
    ("class_declaration", Definition(Type)),
    ("variable_declarator", Binding),
    ("lexical_declaration", Wrapper),
    ("variable_declaration", Wrapper),
    ("export_statement", Wrapper),
    ("identifier", Identifier),
    ("property_identifier", Identifier),
    ("private_property_identifier", Identifier),
    ("shorthand_property_identifier", Identifier),
    ("shorthand_property_identifier_pattern", Identifier),
    ("type_identifier", Identifier),
    // TypeScript alone.
    ("function_signature", Definition(Function)),
    ("method_signature", Definition(Function)),
    ("abstract_method_signature", Definition(Function)),
    ("abstract_class_declaration", Definition(Type)),
    ("interface_declaration", Definition(Type)),
    ("type_alias_declaration", Definition(Type)),
    ("enum_declaration", Definition(Type)),
    ("internal_module", Definition(Module)),
];

const GO: &[(&str, Role)] = &[
    ("function_declaration", Definition(Function)),
    ("method_declaration", Definition(Function)),
    ("method_elem", Definition(Function)),
    ("type_spec", Definition(Type)),
    ("type_alias", Definition(Type)),
    ("type_declaration", Wrapper),
    ("const_spec", Outside(Value)),
    ("var_spec", Outside(Value)),
    ("identifier", Identifier),
    ("type_identifier", Identifier),
    ("field_identifier", Identifier),
    ("package_identifier", Identifier),
];

const JAVA: &[(&str, Role)] = &[
    ("class_declaration", Definition(Type)),
    ("interface_declaration", Definition(Type)),
    ("enum_declaration", Definition(Type)),
    ("record_declaration", Definition(Type)),
    ("annotation_type_declaration", Definition(Type)),
    ("method_declaration", Definition(Function)),
    ("constructor_declaration", Definition(Function)),
    ("compact_constructor_declaration", Definition(Function)),
    ("constant_declaration", Definition(Value)),
    ("identifier", Identifier),
    ("type_identifier", Identifier),
];

const C: &[(&str, Role)] = &[
    ("function_definition", Definition(Function)),
    ("declaration", Prototype),
    ("struct_specifier", WithBody(Type)),
    ("union_specifier", WithBody(Type)),
    ("enum_specifier", WithBody(Type)),
    ("type_definition", Definition(Type)),
    ("preproc_def", Definition(Macro)),
    ("preproc_function_def", Definition(Macro)),
    ("identifier", Identifier),
    ("type_identifier", Identifier),
    ("field_identifier", Identifier),
    // C++ alone.
    ("class_specifier", WithBody(Type)),
    ("alias_declaration", Definition(Type)),
    ("concept_definition", Definition(Type)),
    ("field_declaration", Prototype),
    ("namespace_definition", WithBody(Module)),
    ("template_declaration", Wrapper),
    ("namespace_identifier", Identifier),
];

const RUBY: &[(&str, Role)] = &[
    ("method", Definition(Function)),
    ("singleton_method", Definition(Function)),
    ("class", Definition(Type)),
    ("module", Definition(Module)),
    ("assignment", Outside(Value)),
    ("identifier", Identifier),
    ("constant", Identifier),
];

const C_SHARP: &[(&str, Role)] = &[
    ("class_declaration", Definition(Type)),
    ("struct_declaration", Definition(Type)),
    ("interface_declaration", Definition(Type)),
    ("record_declaration", Definition(Type)),
    ("enum_declaration", Definition(Type)),
    ("delegate_declaration", Definition(Type)),
    ("method_declaration", Definition(Function)),
    ("constructor_declaration", Definition(Function)),
    ("local_function_statement", Definition(Function)),
    ("property_declaration", Definition(Function)),
    ("namespace_declaration", Definition(Module)),
    ("identifier", Identifier),
];

/// A grammar with the role of each of its node kinds.
pub(super) struct Table {
    pub(super) grammar: Grammar,
    /// By kind id.
    roles: Vec<Role>,
}

impl Table {
    /// The table of a language, made at its first use.
    pub(super) fn of(language: Language) -> &'static Table {
        static TABLES: [OnceLock<Table>; Language::ALL.len()] =
            [const { OnceLock::new() }; Language::ALL.len()];
        TABLES[language.index()].get_or_init(|| Table::make(language))
    }

    fn make(language: Language) -> Table {
        let (grammar, named): (Grammar, &[(&str, Role)]) = match language {
            Language::Rust => (tree_sitter_rust::LANGUAGE.into(), RUST),
            Language::Python => (tree_sitter_python::LANGUAGE.into(), PYTHON),
            Language::JavaScript => (tree_sitter_javascript::LANGUAGE.into(), SCRIPT),
            Language::TypeScript => (tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(), SCRIPT),
            Language::Tsx => (tree_sitter_typescript::LANGUAGE_TSX.into(), SCRIPT),
            Language::Go => (tree_sitter_go::LANGUAGE.into(), GO),
            Language::Java => (tree_sitter_java::LANGUAGE.into(), JAVA),
            Language::C => (tree_sitter_c::LANGUAGE.into(), C),
            Language::Cpp => (tree_sitter_cpp::LANGUAGE.into(), C),
            Language::Ruby => (tree_sitter_ruby::LANGUAGE.into(), RUBY),
            Language::CSharp => (tree_sitter_c_sharp::LANGUAGE.into(), C_SHARP),
        };
        let mut roles = vec![Role::None; grammar.node_kind_count()];
        // A grammar can have several ids for one name.
        for (id, role) in roles.iter_mut().enumerate() {
            let id = id as u16;
            if !grammar.node_kind_is_named(id) {
                continue;
            }
            let Some(name) = grammar.node_kind_for_id(id) else {
                continue;
            };
            if let Some((_, wanted)) = named.iter().find(|(known, _)| *known == name) {
                *role = *wanted;
            }
        }
        Table { grammar, roles }
    }

    /// The role of a node kind.
    pub(super) fn role(&self, kind_id: u16) -> Role {
        self.roles
            .get(usize::from(kind_id))
            .copied()
            .unwrap_or(Role::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_a_table_is_a_node_kind_of_a_grammar_that_uses_it() {
        type Names<'a> = (&'a [(&'a str, Role)], &'a [Language]);
        let tables: [Names<'_>; 8] = [
            (RUST, &[Language::Rust]),
            (PYTHON, &[Language::Python]),
            (SCRIPT, &[Language::TypeScript, Language::Tsx]),
            (GO, &[Language::Go]),
            (JAVA, &[Language::Java]),
            (C, &[Language::Cpp]),
            (RUBY, &[Language::Ruby]),
            (C_SHARP, &[Language::CSharp]),
        ];
        for (table, languages) in tables {
            for language in languages {
                let grammar = &Table::of(*language).grammar;
                for (name, _) in table {
                    let id = grammar.id_for_node_kind(name, true);
                    assert_ne!(id, 0, "{} has no `{name}`", language.as_str());
                }
            }
        }
    }
}
