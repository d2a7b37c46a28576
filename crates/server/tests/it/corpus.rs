//! The corpus: what people write, wherever it can stand, on the real engine. Every answer is compared with the engine's own
//! answer to the query as it is written, over tables that are called like the data sources.

mod constructs;
mod functions;
mod places;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tokio::join;

use crate::support::Client;
use constructs::{CONSTRUCTS, EMPTY, REFUSED_BESIDE_FILTERS};
use functions::FUNCTIONS;
use places::{PLACES, Place};
use world::World;

/// The grid of constructs and places: how many queries answered right, and what did not.
#[derive(Default)]
struct Grid {
    right: BTreeMap<(&'static str, &'static str), usize>,
    wrong: Vec<String>,
}

impl Grid {
    /// Enters one query at one place.
    fn enter(&mut self, construct: &'static str, place: &'static str, sql: &str, answer: Result<(), String>) {
        match answer {
            Ok(()) => *self.right.entry((construct, place)).or_default() += 1,
            Err(wrong) => self.wrong.push(format!("{construct}, {place}: {sql}\n    {wrong}")),
        }
    }

    #[track_caller]
    fn assert_right(&self) {
        assert!(self.wrong.is_empty(), "{} answers are wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

#[tokio::test]
async fn every_construct_works_at_every_place() {
    let world = World::new().await;
    let filtered = prepare(&world).await;
    let mut grid = Grid::default();
    for (construct, queries) in CONSTRUCTS {
        for query in *queries {
            try_everywhere(&world, &filtered, &mut grid, construct, query).await;
        }
    }
    world.drop_truth().await;
    grid.assert_right();
    let missing: Vec<_> = CONSTRUCTS
        .iter()
        .flat_map(|(construct, _)| PLACES.iter().map(move |place| (*construct, *place)))
        .filter(|(construct, place)| {
            !is_empty(construct, *place) && !grid.right.contains_key(&(construct, place.name()))
        })
        .collect();
    assert!(missing.is_empty(), "no query shows that these work: {missing:?}");
    let answers: usize = grid.right.values().sum();
    eprintln!("{} constructs, {} places, {answers} equal answers", CONSTRUCTS.len(), PLACES.len());
}

#[tokio::test]
async fn the_functions_that_people_use_work() {
    let world = World::new().await;
    let filtered = prepare(&world).await;
    let mut grid = Grid::default();
    for (function, expression) in FUNCTIONS {
        let sql = format!("SELECT {expression} AS v FROM events");
        if let Err(error) = save(&world, &sql).await {
            grid.wrong.push(format!("{function}: {sql}\n    {error}"));
            continue;
        }
        let truth = Truth::of(&world, &world.truth, &sql).await;
        for place in [Place::Direct, Place::Pipe] {
            grid.enter(function, place.name(), &sql, truth.compare(&world, place, &sql).await);
        }
        let truth = Truth::of(&world, &world.filtered_truth, &sql).await;
        grid.enter(function, "filtered", &sql, truth.compare(&filtered, Place::Pipe, &sql).await);
    }
    world.drop_truth().await;
    grid.assert_right();
    eprintln!("{} functions", FUNCTIONS.len());
}

#[test]
fn the_tables_are_whole() {
    let names: BTreeSet<_> = CONSTRUCTS.iter().map(|(construct, _)| *construct).collect();
    assert_eq!(names.len(), CONSTRUCTS.len(), "a construct is listed twice");
    for (construct, places, reason) in EMPTY {
        assert!(names.contains(construct) && !places.is_empty() && !reason.is_empty(), "{construct}");
    }
    let functions: BTreeSet<_> = FUNCTIONS.iter().map(|(function, _)| *function).collect();
    assert_eq!(functions.len(), FUNCTIONS.len(), "a function is listed twice");
    let queries: BTreeSet<_> = CONSTRUCTS.iter().flat_map(|(_, queries)| *queries).collect();
    assert!(functions.len() >= 100 && queries.len() >= 200, "{} functions, {} queries", functions.len(), queries.len());
}

/// The pipe that takes each query in turn, and a caller with a row filter.
async fn prepare(world: &World) -> Client {
    world.create_pipe("corpus", "SELECT 1 AS one").await;
    world.append_node("corpus", "corpus_out", "SELECT * FROM corpus_0").await;
    world.post("/v0/pipes/corpus/nodes/corpus_out/endpoint").send().await.assert_status(200);
    world.filtered_token().await
}

async fn save(world: &World, sql: &str) -> Result<(), String> {
    let answer = world.put("/v0/pipes/corpus/nodes/corpus_0").form(sql).send().await;
    match answer.status {
        200 => Ok(()),
        status => Err(format!("saving it answers {status} {}", answer.text())),
    }
}

async fn try_everywhere(world: &World, filtered: &Client, grid: &mut Grid, construct: &'static str, query: &str) {
    let (sql, as_it_is) = query.split_once("\n=> ").unwrap_or((query, query));
    let is_saved = !is_empty(construct, Place::Node) || !is_empty(construct, Place::Pipe);
    let (saved, truth) = join!(
        async { if is_saved { save(world, sql).await } else { Ok(()) } },
        Truth::of(world, &world.truth, as_it_is),
    );
    let places = PLACES.iter().copied().filter(|place| !is_empty(construct, *place));
    let answers = places.clone().map(|place| truth.compare(world, place, sql));
    for (place, answer) in places.clone().zip(join_all(answers).await) {
        let answer = match place {
            Place::Node | Place::Pipe => saved.clone().and(answer),
            _ => answer,
        };
        grid.enter(construct, place.name(), sql, answer);
    }
    if query != REFUSED_BESIDE_FILTERS {
        let truth = Truth::of(world, &world.filtered_truth, as_it_is).await;
        for answer in join_all(places.map(|place| truth.compare(filtered, place, sql))).await {
            grid.enter(construct, "filtered", sql, answer);
        }
    }
}

fn is_empty(construct: &str, place: Place) -> bool {
    EMPTY.iter().any(|(listed, places, _)| *listed == construct && places.contains(&place))
}

/// The engine's own answer to a query as it is written.
struct Truth {
    /// With a line of names, tab-separated.
    lines: String,
    /// The same as CSV.
    csv: String,
}

impl Truth {
    async fn of(world: &World, database: &str, sql: &str) -> Truth {
        let lines = world.raw(database, sql, "TSVWithNames").await;
        Truth { lines, csv: world.raw(database, sql, "CSVWithNames").await }
    }

    /// Compares what a caller gets. Inside of other queries rows come in any order.
    async fn compare(&self, caller: &Client, place: Place, sql: &str) -> Result<(), String> {
        let ours = place.ask(caller, sql).await?;
        let (_, rows) = self.lines.split_once('\n').unwrap_or_default();
        let (ours, expected) = match place {
            Place::Direct => (ours, self.lines.clone()),
            Place::Node => (sorted(&ours), sorted(&self.csv)),
            Place::In => (ours.trim().to_owned(), rows.lines().count().to_string()),
            _ => (sorted(&ours), sorted(rows)),
        };
        if ours == expected { Ok(()) } else { Err(format!("answers {ours:?} and not {expected:?}")) }
    }
}

fn sorted(rows: &str) -> String {
    let mut lines: Vec<_> = rows.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}
