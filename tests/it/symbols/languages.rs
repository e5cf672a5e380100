//! What each language's outline holds.

use codex_review::symbols::{Kind, Language, Method, outline};

/// Each definition as `kind name first-last signature-last`, a dot for each container.
#[track_caller]
fn check(path: &str, source: &str, expected: &[&str], calls: (&str, &[u32])) {
    let language = Language::of_path(path.as_bytes());
    let outline = outline(language, source.as_bytes());
    assert_eq!(outline.method, Method::Grammar, "{path}");
    let found: Vec<String> = outline
        .definitions
        .iter()
        .enumerate()
        .map(|(index, definition)| {
            format!(
                "{} {} {}-{} {}",
                definition.kind.as_str(),
                outline.qualified_name(index),
                definition.lines.first,
                definition.lines.last,
                definition.signature.last
            )
        })
        .collect();
    assert_eq!(found, expected, "{path}");
    assert_eq!(outline.references.lines_of(calls.0), calls.1, "{path}");
}

#[test]
fn rust() {
    check(
        "a.rs",
        "mod inner {\n    pub struct Point<T> {\n        x: T,\n    }\n    impl<T> Show for Point<T>\n    where\n        T: Copy,\n    {\n        fn show(\n            &self,\n        ) -> u8 {\n            helper!(self.x)\n        }\n    }\n}\nconst MOST: u8 = 3;\nmacro_rules! helper { () => {} }\ntrait Show { fn show(&self) -> u8; }\nmod other;\n",
        &[
            "module inner 1-15 1",
            "type inner.Point 2-4 2",
            "block inner.Point 5-14 7",
            "function inner.Point.show 9-13 11",
            "value MOST 16-16 16",
            "macro helper 17-17 17",
            "type Show 18-18 18",
            "function Show.show 18-18 18",
        ],
        ("helper", &[12, 17]),
    );
}

#[test]
fn python() {
    check(
        "a.py",
        "LIMIT = 3\n\n@cached\ndef run(\n    a,\n):\n    local = a\n    return helper(local)\n\nclass Job(Base):\n    retries = 2\n    async def go(self): return run(1)\n",
        &[
            "value LIMIT 1-1 1",
            "function run 3-8 6",
            "type Job 10-12 10",
            "value Job.retries 11-11 11",
            "function Job.go 12-12 12",
        ],
        ("run", &[4, 12]),
    );
}

#[test]
fn typescript_and_javascript() {
    check(
        "a.ts",
        "export interface Shape {\n  area(): number;\n}\nexport const LIMIT = 3;\nexport const twice = (n: number): number => {\n  const local = n;\n  return local * 2;\n};\n@decorated\nexport class Square implements Shape {\n  area() { return twice(this.side); }\n}\ntype Id = string;\nexport default function main() { const inner = () => 1; }\n",
        &[
            "type Shape 1-3 1",
            "function Shape.area 2-2 2",
            "value LIMIT 4-4 4",
            "function twice 5-8 5",
            "type Square 9-12 10",
            "function Square.area 11-11 11",
            "type Id 13-13 13",
            "function main 14-14 14",
            "function main.inner 14-14 14",
        ],
        ("twice", &[5, 11]),
    );
    check(
        "a.jsx",
        "const App = () => <Page title=\"x\" />;\nfunction* steps() { yield 1; }\nclass A { #secret() {} }\n",
        &[
            "function App 1-1 1",
            "function steps 2-2 2",
            "type A 3-3 3",
            "function A.#secret 3-3 3",
        ],
        ("Page", &[1]),
    );
}

#[test]
fn go() {
    check(
        "a.go",
        "package a\n\ntype Point struct {\n\tX int\n}\n\ntype (\n\tA int\n\tB int\n)\n\nconst Limit = 3\n\nfunc (p *Point) Move(dx int) error {\n\tvar local = dx\n\treturn shift(p, local)\n}\n",
        &[
            "type Point 3-5 3",
            "type A 8-8 8",
            "type B 9-9 9",
            "value Limit 12-12 12",
            "function Move 14-17 14",
        ],
        ("shift", &[16]),
    );
}

#[test]
fn java_and_c_sharp() {
    check(
        "A.java",
        "class A extends B {\n  A() {}\n  @Override\n  public int size() {\n    return count(items);\n  }\n  enum E { ONE }\n}\n",
        &[
            "type A 1-8 1",
            "function A.A 2-2 2",
            "function A.size 3-6 4",
            "type A.E 7-7 7",
        ],
        ("count", &[5]),
    );
    check(
        "a.cs",
        "namespace N\n{\n    public class A\n    {\n        public int Size { get; set; }\n        int Count(int a)\n        {\n            return Helper(a);\n        }\n    }\n}\n",
        &[
            "module N 1-11 1",
            "type N.A 3-10 3",
            "function N.A.Size 5-5 5",
            "function N.A.Count 6-9 6",
        ],
        ("Helper", &[8]),
    );
}

#[test]
fn c_and_cpp() {
    check(
        "a.c",
        "#define MOST 3\nstruct point { int x; };\ntypedef struct point point_t;\nchar *name_of(struct point *p);\nstatic int\nsum(int a)\n{\n    struct point local;\n    return add(a, MOST);\n}\n",
        &[
            "macro MOST 1-1 1",
            "type point 2-2 2",
            "type point_t 3-3 3",
            "function name_of 4-4 4",
            "function sum 5-10 6",
        ],
        ("add", &[9]),
    );
    check(
        "a.hpp",
        "namespace n {\ntemplate <typename T>\nclass Box {\n  int size() const;\n  T value;\n};\nint Box::size() const { return count(); }\n}\n",
        &[
            "module n 1-8 1",
            "type n.Box 2-6 3",
            "function n.Box.size 4-4 4",
            "function n.size 7-7 7",
        ],
        ("count", &[7]),
    );
}

#[test]
fn ruby() {
    check(
        "a.rb",
        "module M\n  LIMIT = 3\n  class A < B\n    def self.make(x)\n      local = x\n      build(local)\n    end\n    def go; end\n  end\nend\n",
        &[
            "module M 1-10 1",
            "value M.LIMIT 2-2 2",
            "type M.A 3-9 3",
            "function M.A.make 4-7 4",
            "function M.A.go 8-8 8",
        ],
        ("build", &[6]),
    );
}

#[test]
fn a_file_with_errors_keeps_what_could_be_read() {
    let source = b"fn good() {}\nfn broken( {\n\nfn other() { good(); }\n";
    let outline = outline(Some(Language::Rust), source);
    let good = outline
        .definitions
        .iter()
        .find(|definition| definition.name == "good");
    assert_eq!(good.map(|good| good.kind), Some(Kind::Function));
}
