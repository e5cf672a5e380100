//! Claims about the page, as a browser sees it. The page itself is opened as it is, policy and all; what is asked of it is
//! asked from a page around it, in a frame of a given width.

use codex_review::report::Report;
use codex_review::review::Severity;
use serde_json::{Value, json};

use super::{hostile, hostile_unclear, passed, rendered, unclear, with_findings};
use crate::support::Sandbox;
use crate::support::debian::Chromium;

/// Counts what is shown, measures contrast and width, and lists what the page is made of.
const PROBE: &str = r#"
function shown(doc, selector) {
  return [...doc.querySelectorAll(selector)].filter(e => e.getClientRects().length > 0);
}
function channel(v) { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }
function parse(color) { return color.match(/[\d.]+/g).map(Number); }
function luminance(c) { return 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]); }
function behind(view, element) {
  for (let e = element; e; e = e.parentElement) {
    const color = parse(view.getComputedStyle(e).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
}
function probe(frame) {
  const doc = frame.contentDocument, view = frame.contentWindow, found = {};
  let worst = [99, ''];
  const texts = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !e.getClientRects().length) continue;
    const a = luminance(parse(view.getComputedStyle(e).color)), b = luminance(behind(view, e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 200)];
  }
  found.contrast = worst[0];
  found.faintest = worst[1];
  found.dark = luminance(behind(view, doc.body)) < 0.2;
  found.overflow = doc.documentElement.scrollWidth - doc.documentElement.clientWidth;
  found.widest = [...doc.querySelectorAll('body *')]
    .filter(e => !e.closest('.scroll, pre') && e.getBoundingClientRect().right > doc.documentElement.clientWidth)
    .map(e => e.outerHTML.slice(0, 120)).slice(-3);
  found.tags = [...new Set([...doc.querySelectorAll('*')].map(e => e.localName))].sort();
  found.attributes = [...new Set([...doc.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))].sort();
  found.links = [...new Set([...doc.querySelectorAll('[href]')].map(e => e.getAttribute('href')[0]))];
  found.title = doc.title;
  found.text = doc.body.innerText;
  found.findings = shown(doc, '.finding').length;
  found.marked = shown(doc, '.hit').map(e => e.innerText.replace(/\s+/g, ' ').trim());
  found.words = shown(doc, 'mark').map(e => e.innerText);
  const first = doc.querySelector('.paired');
  if (first) {
    const [prose, hunks] = ['.prose', '.hunks'].map(s => first.querySelector(s)?.getBoundingClientRect());
    found.beside = Boolean(prose && hunks && prose.right <= hunks.left + 1 && prose.top < hunks.bottom && hunks.top < prose.bottom);
  }
  found.filtered = {};
  for (const box of doc.querySelectorAll('.filter input')) {
    box.click();
    found.filtered[box.id] = [shown(doc, '.finding').length, shown(doc, '.contents li').length];
    box.click();
  }
  for (const box of doc.querySelectorAll('.filter input')) box.click();
  found.none = [shown(doc, '.finding').length, shown(doc, '.none-shown').length];
  return found;
}
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Light,
    Dark,
}

/// What is found in one page.
#[track_caller]
fn probed(chromium: &Chromium, page: &str, width: u32, scheme: Scheme) -> Value {
    probed_together(chromium, &[(page, width)], scheme).remove(0)
}

/// What is found in several pages, each in a frame of its own width. A browser takes longer to start than to look at one.
#[track_caller]
fn probed_together(chromium: &Chromium, pages: &[(&str, u32)], scheme: Scheme) -> Vec<Value> {
    let sandbox = Sandbox::new();
    let pages = serde_json::to_string(pages).unwrap().replace("</", "<\\/");
    let around = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><body><script>{PROBE}\n\
         const pages = {pages}, all = [];\n\
         let left = pages.length;\n\
         pages.forEach(([page, width], index) => {{\n\
           const frame = document.createElement('iframe');\n\
           Object.assign(frame, {{width, height: 900}});\n\
           frame.style.border = 0;\n\
           frame.onload = () => {{\n\
             if (frame.contentDocument.title === '' || all[index]) return;\n\
             try {{ all[index] = probe(frame); }} catch (error) {{ all[index] = {{error: String(error)}}; }}\n\
             left -= 1;\n\
             if (left > 0) return;\n\
             const text = encodeURIComponent(JSON.stringify(all));\n\
             document.documentElement.setAttribute('data-found', text);\n\
           }};\n\
           frame.srcdoc = page;\n\
           document.body.append(frame);\n\
         }});\n</script>"
    );
    let path = sandbox.write("around.html", around);
    let scheme = match scheme {
        Scheme::Light => "--blink-settings=preferredColorScheme=1",
        Scheme::Dark => "--blink-settings=preferredColorScheme=0",
    };
    let document = chromium.document(&sandbox, &path, &[scheme, "--window-size=1500,1000"]);
    let found = document
        .split_once("data-found=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .unwrap_or_else(|| panic!("the probe left nothing:\n{document}"));
    let found: Vec<Value> = serde_json::from_str(&decoded(found.0)).unwrap();
    assert!(
        found.iter().all(|found| found["error"] == Value::Null),
        "{found:#?}"
    );
    found
}

/// What `encodeURIComponent` wrote.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn page(report: &Report) -> String {
    rendered("html", report)
}

#[test]
fn findings_stand_beside_their_lines_and_can_be_filtered_without_a_script() {
    let Some(chromium) = Chromium::find() else {
        return;
    };
    let page = page(&with_findings());
    assert!(!page.contains("<script"));
    let found = probed(&chromium, &page, 1400, Scheme::Light);
    assert_eq!(found["findings"], 5);
    assert_eq!(found["beside"], true);
    let marked = found["marked"].as_array().unwrap();
    assert_eq!(
        marked.len(),
        10,
        "lines 31 to 38, line 7, and line 44: {marked:#?}"
    );
    assert_eq!(marked[1], "32 + for attempt in 0..3 {");
    assert_eq!(marked[8], "7 + it.only('charges <once>', () => {");
    let words = found["words"].to_string();
    assert!(!words.contains("expect"), "{words}");
    assert!(
        words.contains(".only") && words.contains("1_000"),
        "{words}"
    );
    assert_eq!(
        found["filtered"],
        json!({"show-critical": [4, 4], "show-high": [4, 4], "show-medium": [4, 4], "show-low": [3, 3]})
    );
    assert_eq!(found["none"], json!([0, 1]), "it says that all is hidden");
}

#[test]
fn every_text_has_enough_contrast_in_light_and_dark_and_nothing_sticks_out_at_any_width() {
    let Some(chromium) = Chromium::find() else {
        return;
    };
    let pages = [with_findings(), unclear(), passed(), hostile()].map(|report| page(&report));
    for (scheme, widths) in [(Scheme::Light, [1400, 320]), (Scheme::Dark, [1400, 360])] {
        let frames: Vec<(&str, u32)> = widths
            .into_iter()
            .flat_map(|width| pages.iter().map(move |page| (page.as_str(), width)))
            .collect();
        let all = probed_together(&chromium, &frames, scheme);
        assert_eq!(all.len(), 8);
        for ((_, width), found) in frames.into_iter().zip(all) {
            assert_eq!(found["dark"], scheme == Scheme::Dark);
            let contrast = found["contrast"].as_f64().unwrap();
            assert!(
                contrast >= 4.5,
                "{contrast} at {width}: {}",
                found["faintest"]
            );
            assert_eq!(found["overflow"], 0, "at {width}: {}", found["widest"]);
        }
    }
}

#[test]
fn nothing_that_others_wrote_becomes_a_part_of_the_page() {
    let Some(chromium) = Chromium::find() else {
        return;
    };
    let pages = [with_findings(), hostile(), hostile_unclear()].map(|report| page(&report));
    let frames = pages.each_ref().map(|page| (page.as_str(), 1000));
    let mut all = probed_together(&chromium, &frames, Scheme::Light);
    let ours = all.remove(0);
    let known = |list: &str| -> Vec<String> {
        let mut names: Vec<String> = serde_json::from_value(ours[list].clone()).unwrap();
        names.extend(["pre", "strong"].map(str::to_owned));
        names
    };
    assert_eq!(all.len(), 2);
    for found in all {
        for list in ["tags", "attributes", "links"] {
            let known = known(list);
            for name in found[list].as_array().unwrap() {
                assert!(known.iter().any(|known| known == name), "{list}: {name}");
            }
        }
        let text = found["text"].as_str().unwrap();
        assert!(
            text.contains("<script>alert(1)</script>"),
            "it is shown: {text}"
        );
    }
}

#[test]
fn the_policy_holds_even_for_a_script_that_got_in() {
    let Some(chromium) = Chromium::find() else {
        return;
    };
    let attack = "<script>document.title = 'owned'</script><style>h1 { display: none }</style>\
                  <img src=\"x\" onerror=\"document.title = 'owned'\"></main>";
    let page = page(&with_findings());
    let attacked = page.replace("</main>", attack);
    assert_ne!(page, attacked);
    let found = probed(&chromium, &attacked, 1000, Scheme::Light);
    assert!(
        found["title"].as_str().unwrap().starts_with("FINDINGS"),
        "{}",
        found["title"]
    );
    assert!(
        found["text"]
            .as_str()
            .unwrap()
            .contains("Adversarial Review")
    );
}

#[test]
fn the_page_looks_the_same_where_scripts_are_off() {
    let Some(chromium) = Chromium::find() else {
        return;
    };
    let sandbox = Sandbox::new();
    let blank = sandbox.write("blank.html", "<!doctype html>");
    let blank = chromium.picture(&sandbox, &blank, &[]);
    for report in [with_findings(), unclear()] {
        let path = sandbox.write("report.html", page(&report));
        let on = chromium.picture(&sandbox, &path, &[]);
        let off = chromium.picture(&sandbox, &path, &["--blink-settings=scriptEnabled=false"]);
        assert!(on == off, "{} and {} bytes", on.len(), off.len());
        assert!(on != blank);
    }
}

#[test]
fn each_severity_that_occurs_has_a_filter_and_no_other() {
    let mut report = with_findings();
    let codex_review::review::Outcome::Judged(judgement) = &mut report.outcome else {
        unreachable!("findings are judged")
    };
    judgement
        .findings
        .retain(|finding| finding.severity != Severity::High);
    let page = page(&report);
    for (severity, there) in [
        ("critical", true),
        ("high", false),
        ("medium", true),
        ("low", true),
    ] {
        assert_eq!(
            page.contains(&format!("id=\"show-{severity}\"")),
            there,
            "{severity}"
        );
    }
}
