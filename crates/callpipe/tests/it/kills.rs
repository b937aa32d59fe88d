//! `kill -9` at random points: the tables and the archive end as if nothing had happened.
//!
//! `CALLPIPE_KILLS=1000` kills more often, `CALLPIPE_SEED` chooses other moments.

use std::time::Duration;

use callpipe_core::conformance::chance::number_asked_for;
use callpipe_sandbox::{Corpus, System, World, WorldOptions};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::recovery::slow;
use crate::support::{Bench, long_ago};
use crate::traces::Traces;

/// Requests that one run has in flight at Deepgram and at Gemini.
const IN_FLIGHT: usize = 10 + 8;

#[tokio::test]
async fn kills_at_random_points_leave_no_trace() {
    let kills = number_asked_for("CALLPIPE_KILLS").unwrap_or(50);
    let seed = number_asked_for("CALLPIPE_SEED").unwrap_or(7);
    let mut chance = StdRng::seed_from_u64(seed);
    let now = long_ago();
    let world = || {
        World::new(
            Corpus::embedded().unwrap(),
            &WorldOptions::new(71, 400, now),
        )
    };
    let undisturbed = Bench::new(world(), slow()).await;
    undisturbed.run(&["run"]).await.expect_code(0);
    let bench = Bench::new(world(), slow()).await;
    let mut fell = [0; 3];
    for _ in 0..kills {
        let mut child = bench.start(&["run"]);
        // Not a wait for something, but the moment itself: it must not depend on what happens.
        tokio::time::sleep(Duration::from_millis(chance.random_range(5..350))).await;
        let ended = child.try_wait().unwrap().is_some();
        let asked = bench.sandbox.journal().count(System::Deepgram) > 0;
        child.kill().await.unwrap();
        fell[usize::from(asked) + usize::from(ended)] += 1;
    }
    let [before, during, after] = fell;
    println!(
        "seed {seed}: {before} kills before the first purchase, {during} at work, {after} after the end"
    );
    bench.run(&["run"]).await.expect_code(0);

    Traces::of(&bench).assert_same_as(&Traces::of(&undisturbed), "after the kills");
    assert_eq!(bench.sandbox.journal().violations(), []);
    let purchases = bench.sandbox.journal().purchases();
    let needed = undisturbed.sandbox.journal().purchases().len();
    assert_eq!(purchases.len(), needed, "something else was bought");
    let again: usize = purchases.iter().map(|purchase| purchase.times - 1).sum();
    println!("{needed} replies were needed, {again} were bought again");
    assert!(
        again <= kills as usize * IN_FLIGHT,
        "{again} were bought again"
    );
    assert!(during > 0, "no kill fell while there was work");
}
