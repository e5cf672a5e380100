//! From the start of a command to its request at the model, on a warm broker, beside what the app server alone takes.

use std::time::{Duration, Instant};

use codex_review::engine::{
    AppServer, Cancel, ClientInfo, Connection, ConnectionBounds, Limits, ReviewTarget,
    Sandbox as EngineSandbox, ThreadChoice, TurnAction, TurnRequest, handshake, run_turn,
};

use super::support::real_codex::{RealCodex, use_api};
use super::support::responses_api::{ModelRequest, ResponsesApi};
use super::support::{Invocation, Repo, Sandbox};
use super::{WARM_UPS, heading, least_and_median, ms};

/// What our way may take more than the app server's own.
const MOST_MORE_MS: u64 = 60;
/// Reviews at once, and how long their model thinks.
const TOGETHER: usize = 4;
const THINKING: Duration = Duration::from_secs(2);

/// Measures so many rounds; without npm, one line says that it did not.
pub(crate) fn measure(rounds: usize) {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let chain = Chain::start(codex);
    heading(
        "to the model",
        &["codex min", "median", "ours min", "median", "more"],
    );
    chain.to_the_model("adversarial-review", rounds, |request| TurnAction::Prompt {
        text: request.last_user_text(),
        output_schema: request.schema().cloned(),
    });
    chain.to_the_model("review", rounds, |request| {
        TurnAction::Review(ReviewTarget::Custom(request.last_user_text()))
    });

    heading("a model that thinks for 2 s", &["s"]);
    chain.api.delay(THINKING);
    for (case, reviews, promise) in [
        ("one review", 1, ""),
        ("four reviews at once", TOGETHER, "  (within 3 s)"),
    ] {
        let began = Instant::now();
        let running: Vec<_> = (0..reviews)
            .map(|_| chain.command(&["review", "--json"]).spawn())
            .collect();
        for review in running {
            review.wait().expect_code(0);
        }
        println!("{case:<40}{:>10.2}{promise}", began.elapsed().as_secs_f64());
    }

    heading("the broker after all that", &["MiB"]);
    let status = chain
        .command(&["broker", "status", "--json"])
        .run_ok()
        .json();
    let pid = &status["brokers"][0]["pid"];
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u32>().ok());
    match kib {
        Some(kib) => println!(
            "{:<40}{:>10.1}  (under 12)",
            "resident",
            f64::from(kib) / 1024.0
        ),
        None => println!("{:<40}{:>10}", "resident", "unknown"),
    }
}

/// A repository with a change, Codex, and a stand-in for its model.
struct Chain {
    codex: &'static RealCodex,
    api: ResponsesApi,
    repo: Repo,
    // Last, so that its check for processes that were left comes after everything else has ended.
    sandbox: Sandbox,
}

impl Chain {
    fn start(codex: &'static RealCodex) -> Chain {
        let sandbox = Sandbox::new();
        let api = ResponsesApi::start();
        use_api(&sandbox, &api);
        let repo = sandbox.repo("shop");
        repo.write("src/a.rs", "fn a() {\n    one();\n    two();\n}\n");
        repo.stage(["."]).commit("Start");
        repo.write("src/a.rs", "fn a() {\n    one();\n    changed();\n}\n");
        Chain {
            codex,
            api,
            repo,
            sandbox,
        }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
            .time_limit(Duration::from_secs(60))
    }

    /// When the newest request came.
    fn newest(&self) -> ModelRequest {
        self.api.requests().pop().expect("the model was asked")
    }

    fn to_the_model(
        &self,
        verb: &str,
        rounds: usize,
        action: impl Fn(&ModelRequest) -> TurnAction,
    ) {
        // The first one starts the broker, and shows what is sent.
        self.command(&[verb, "--json"]).run().expect_code(0);
        let turn = TurnRequest {
            cwd: self.repo.path().to_owned(),
            sandbox: EngineSandbox::ReadOnly,
            // Kept, as a review's thread is: Codex then has files to write before it asks the model.
            thread: ThreadChoice::New {
                ephemeral: false,
                name: None,
            },
            action: action(&self.newest()),
            model: None,
            effort: None,
            extension: None,
            limits: Limits::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let (mut of_codex, mut of_ours) = (Vec::new(), Vec::new());
        runtime.block_on(async {
            let command = self.codex.command(&self.sandbox);
            let (server, pipes) = AppServer::spawn(&command).expect("Codex starts");
            let bounds = ConnectionBounds::default();
            let mut connection =
                Connection::over(pipes.stdout, pipes.stdin, bounds).with_exit(server.exit());
            let (client, limits) = (ClientInfo::default(), Limits::default());
            handshake(&connection.caller(), &client, &limits)
                .await
                .expect("Codex answers");
            for round in 0..rounds + WARM_UPS {
                let began = Instant::now();
                run_turn(&mut connection, &turn, &mut |_| (), &Cancel::never())
                    .await
                    .expect("the turn runs");
                let codex = self.newest().at - began;
                let began = Instant::now();
                self.command(&[verb, "--json"]).run().expect_code(0);
                let ours = self.newest().at - began;
                if round >= WARM_UPS {
                    of_codex.push(codex);
                    of_ours.push(ours);
                }
            }
            drop(connection);
            server.shutdown(Duration::from_secs(20)).await;
        });
        let (codex_least, codex_median) = least_and_median(&mut of_codex);
        let (ours_least, ours_median) = least_and_median(&mut of_ours);
        let more = ours_median.saturating_sub(codex_median);
        println!(
            "{verb:<40}{}{}{}{}{}  (at most {MOST_MORE_MS} ms more{})",
            ms(codex_least),
            ms(codex_median),
            ms(ours_least),
            ms(ours_median),
            ms(more),
            if more <= Duration::from_millis(MOST_MORE_MS) {
                ""
            } else {
                ": missed"
            }
        );
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.command(&["broker", "stop", "--force"])
            .run()
            .expect_code(0);
    }
}
