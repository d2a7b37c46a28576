//! The doors by which an expression comes in: parts of definitions, filters of tokens.

use super::doors::encoded;
use super::statements::CONDITION_ATTACKS;
use super::world::World;
use crate::support::Request;

/// One way for an expression to come in.
struct Door {
    name: &'static str,
    request: fn(&World, &str) -> Request,
    /// What this door takes.
    honest: &'static str,
    /// Attacks that are none here, with the reason.
    skips: &'static [(&'static str, &'static str)],
}

/// The routes that these doors are part of.
pub(super) const ROUTES: &[&str] = &["POST /v0/datasources", "POST /v0/tokens", "PUT /v0/tokens/{token}"];

const LIST: (&str, &str) = ("a list", "a key may be one");

const DOORS: &[Door] = &[
    Door {
        name: "default of a column",
        request: |world, text| {
            let schema = format!("a Int64, country String, x String DEFAULT {text}");
            world.post("/v0/datasources").form(&format!("name=new&schema={}", encoded(&schema)))
        },
        honest: "upper(country)",
        skips: &[],
    },
    Door {
        name: "engine_sorting_key",
        request: |world, text| create(world, "engine_sorting_key", text),
        honest: "a, country",
        skips: &[LIST],
    },
    Door {
        name: "engine_partition_key",
        request: |world, text| create(world, "engine_partition_key", text),
        honest: "a % 10",
        skips: &[LIST],
    },
    Door {
        name: "engine_primary_key",
        request: |world, text| create(world, "engine_sorting_key=a&engine_primary_key", text),
        honest: "a",
        skips: &[],
    },
    Door {
        name: "engine_sampling_key",
        request: |world, text| create(world, "engine_sorting_key=cityHash64(a)&engine_sampling_key", text),
        honest: "cityHash64(a)",
        skips: &[],
    },
    Door {
        name: "engine_ttl",
        request: |world, text| create(world, "engine_sorting_key=a&engine_ttl", text),
        honest: "toDateTime(a) + toIntervalDay(1)",
        skips: &[],
    },
    Door {
        name: "engine_ver",
        request: |world, text| create(world, "engine=ReplacingMergeTree&engine_sorting_key=country&engine_ver", text),
        honest: "a",
        skips: &[],
    },
    Door {
        name: "engine_settings",
        request: |world, text| create(world, "engine_sorting_key=a&engine_settings", text),
        honest: "index_granularity=1024",
        skips: &[],
    },
    Door {
        name: "filter of a new token",
        request: |world, text| {
            let scope = format!("DATASOURCES:READ:events:{text}");
            world.post("/v0/tokens").form(&format!("name=new&scope={}", encoded(&scope)))
        },
        honest: "a > 0 AND a != 7",
        skips: &[],
    },
    Door {
        name: "filter of a changed token",
        request: |world, text| {
            let scope = format!("PIPES:READ:p:{text}");
            world.put("/v0/tokens/reader").form(&format!("scope={}", encoded(&scope)))
        },
        honest: "a > 0",
        skips: &[],
    },
];

fn create(world: &World, fields: &str, text: &str) -> Request {
    let form = format!("name=new&schema=a+Int64,+country+String&{fields}={}", encoded(text));
    world.post("/v0/datasources").form(&form)
}

#[tokio::test]
async fn no_attack_passes_any_door() {
    let world = World::new().await;
    world.post("/v0/tokens").form("name=reader&scope=PIPES:READ:p").send().await.assert_status(200);
    let before = world.everything().await;
    for door in DOORS {
        for (what, text) in CONDITION_ATTACKS.iter().filter(|(_, text)| !text.is_empty()) {
            if door.skips.iter().any(|(skipped, _)| skipped == what) {
                continue;
            }
            let text = world.address(text);
            let answer = (door.request)(&world, &text).send().await;
            let about = format!("{}, {what}: {text}", door.name);
            world.assert_tells_nothing(&about, &text, &answer);
            assert!([400, 403].contains(&answer.status), "{about}: {} {}", answer.status, answer.text());
        }
        world.standpipe().settle().await;
        assert_eq!(world.everything().await, before, "something changed through {}", door.name);
    }
}

#[tokio::test]
async fn every_door_lets_honest_expressions_in() {
    for door in DOORS {
        let world = World::new().await;
        world.post("/v0/tokens").form("name=reader&scope=PIPES:READ:p").send().await.assert_status(200);
        (door.request)(&world, door.honest).send().await.assert_status(200);
    }
}
