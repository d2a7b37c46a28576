//! The OpenAPI document's frame; `router` fills in the routes.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// Title, licence and tags.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Standpipe",
        description = "ClickHouse SQL as governed HTTP APIs: events in, SQL pipes, endpoints out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&TokenSecurity),
    tags(
        (name = "Events", description = "Send events to data sources."),
        (name = "Data Sources", description = "Create, append to, change and delete data sources."),
        (name = "Pipes", description = "Create, change, publish and read pipes."),
        (name = "Connections", description = "Connect sinks to object storage."),
        (name = "Jobs", description = "Look at, stop and repeat work that outlives its request."),
        (name = "Query", description = "Query data sources and pipes with SQL."),
        (name = "Tokens", description = "Create, change and delete tokens."),
        (name = "Local", description = "For tools on the same machine."),
        (name = "operations", description = "Health and metrics of the server."),
    )
)]
pub struct ApiDoc;

/// How requests carry their token.
struct TokenSecurity;

impl Modify for TokenSecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("token", bearer);
    }
}
