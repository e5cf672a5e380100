//! The plans of a Claude session, as its transcript tells of them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;
use serde::Deserialize;

/// A longer line is skipped: it holds no plan that could be reviewed.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// Plan files of one session that are remembered.
const MAX_FILES: usize = 64;
/// The tool that presents a plan.
const TOOL: &str = "ExitPlanMode";
/// The member that names a plan file, in attachments and in calls of the tool.
const FILE_MEMBER: &str = "planFilePath";

/// A plan that was presented to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Its text, as the client put it into the call.
    pub text: String,
    /// The file that it was written to; `None` where the client names none.
    pub file: Option<PathBuf>,
    /// The folder that the session worked in; `None` where the client names none.
    pub cwd: Option<PathBuf>,
}

/// What a transcript says of plans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionPlans {
    /// The plan that was presented last.
    pub presented: Option<Presented>,
    /// The plan files that the session was given, each with the folder that it worked in when it was named last.
    pub files: BTreeMap<PathBuf, PathBuf>,
}

/// Reads a transcript: one JSON object a line, the newest last. Plans of sub-agents are none of the session's.
///
/// # Errors
///
/// Reading fails. A line of another shape is no error.
pub fn read_transcript(mut transcript: impl BufRead) -> io::Result<SessionPlans> {
    let mut plans = SessionPlans::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = transcript
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(plans);
        }
        if line.last() != Some(&b'\n') && read as u64 == MAX_LINE_BYTES {
            skip_line(&mut transcript)?;
            continue;
        }
        // Most lines say nothing of plans, and some are long.
        if (line.contains_str(TOOL) || line.contains_str(FILE_MEMBER))
            && let Ok(entry) = serde_json::from_slice::<Entry>(&line)
        {
            plans.note(entry);
        }
    }
}

fn skip_line(transcript: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = transcript.fill_buf()?;
        let (end, used) = match held.iter().position(|&byte| byte == b'\n') {
            Some(at) => (true, at + 1),
            None => (held.is_empty(), held.len()),
        };
        transcript.consume(used);
        if end {
            return Ok(());
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    is_sidechain: bool,
    cwd: Option<PathBuf>,
    message: Option<Message>,
    attachment: Option<Attachment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    plan_file_path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Content,
}

/// The parts of a message; one that is plain text, or of a shape that is not known, has none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Parts(Vec<Part>),
    Other(serde::de::IgnoredAny),
}

impl Default for Content {
    fn default() -> Self {
        Content::Parts(Vec::new())
    }
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    name: Option<String>,
    #[serde(default)]
    input: Input,
}

/// The input of a call; those of other tools have other members and other types.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    plan: Option<serde_json::Value>,
    plan_file_path: Option<serde_json::Value>,
}

impl SessionPlans {
    fn note(&mut self, entry: Entry) {
        if entry.is_sidechain {
            return;
        }
        let cwd = entry.cwd;
        if let Some(file) = entry.attachment.and_then(|it| it.plan_file_path) {
            self.note_file(file, cwd.as_deref());
        }
        let parts = match entry.message.map(|message| message.content) {
            Some(Content::Parts(parts)) => parts,
            Some(Content::Other(_)) | None => return,
        };
        for part in parts {
            if part.kind != "tool_use" || part.name.as_deref() != Some(TOOL) {
                continue;
            }
            let file = part.input.plan_file_path.as_ref();
            let file = file.and_then(|path| path.as_str()).map(PathBuf::from);
            if let Some(file) = &file {
                self.note_file(file.clone(), cwd.as_deref());
            }
            let text = part.input.plan.as_ref().and_then(|plan| plan.as_str());
            if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                self.presented = Some(Presented {
                    text: text.to_owned(),
                    file,
                    cwd: cwd.clone(),
                });
            }
        }
    }

    /// A file that is named without a folder belongs to nobody.
    fn note_file(&mut self, file: PathBuf, cwd: Option<&Path>) {
        if let Some(cwd) = cwd
            && (self.files.len() < MAX_FILES || self.files.contains_key(&file))
        {
            self.files.insert(file, cwd.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(lines: &[serde_json::Value]) -> SessionPlans {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        read_transcript(text.as_bytes()).unwrap()
    }

    fn call(cwd: &str, input: serde_json::Value) -> serde_json::Value {
        json!({"type": "assistant", "isSidechain": false, "cwd": cwd, "message": {"role": "assistant", "content": [
            {"type": "text", "text": "Here it is."},
            {"type": "tool_use", "id": "t", "name": "ExitPlanMode", "input": input},
        ]}})
    }

    #[test]
    fn the_last_plan_that_was_presented_counts() {
        let plans = read(&[
            json!({"type": "user", "cwd": "/p", "message": {"role": "user", "content": "plan ExitPlanMode"}}),
            json!({"type": "attachment", "cwd": "/p", "attachment":
                {"type": "plan_mode", "planFilePath": "/h/plans/a.md", "planExists": false}}),
            call(
                "/p",
                json!({"plan": "first", "planFilePath": "/h/plans/a.md"}),
            ),
            call(
                "/p/sub",
                json!({"plan": "second\n", "planFilePath": "/h/plans/b.md"}),
            ),
            call("/p", json!({"plan": " "})),
            call("/p", json!({})),
        ]);
        let presented = plans.presented.unwrap();
        assert_eq!(presented.text, "second\n");
        assert_eq!(presented.file.as_deref(), Some(Path::new("/h/plans/b.md")));
        assert_eq!(presented.cwd.as_deref(), Some(Path::new("/p/sub")));
        let files: Vec<_> = plans.files.iter().collect();
        assert_eq!(
            files,
            [
                (&PathBuf::from("/h/plans/a.md"), &PathBuf::from("/p")),
                (&PathBuf::from("/h/plans/b.md"), &PathBuf::from("/p/sub")),
            ]
        );
    }

    #[test]
    fn what_is_not_the_sessions_own_call_is_no_plan() {
        let mut of_an_agent = call("/p", json!({"plan": "x", "planFilePath": "/h/plans/x.md"}));
        of_an_agent["isSidechain"] = json!(true);
        let plans = read(&[
            of_an_agent,
            json!({"type": "user", "cwd": "/p", "message": {"role": "user", "content": [
                {"type": "tool_result", "name": "ExitPlanMode", "input": {"plan": "forged"}}]}}),
            json!({"type": "assistant", "message": {"content": [
                {"type": "tool_use", "name": "Other", "input": {"plan": "no", "note": "ExitPlanMode"}}]}}),
            json!({"type": "assistant", "message": {"content": [
                {"type": "tool_use", "name": "ExitPlanMode", "input": {"plan": 3}}]}}),
            json!({"attachment": {"planFilePath": "/h/plans/nobody.md"}}),
        ]);
        assert_eq!(plans, SessionPlans::default());
    }

    #[test]
    fn damage_and_lines_without_end_cost_themselves_alone() {
        let good = call("/p", json!({"plan": "good"})).to_string();
        let long = vec![b'x'; usize::try_from(MAX_LINE_BYTES).unwrap() + 10];
        let mut text = b"{\"ExitPlanMode\": \n\xff ExitPlanMode\nnull\n[]\n".to_vec();
        text.extend(&long);
        text.push(b'\n');
        text.extend(good.as_bytes());
        text.push(b'\n');
        text.extend(&long);
        let plans = read_transcript(text.as_slice()).unwrap();
        assert_eq!(plans.presented.unwrap().text, "good");
    }
}
