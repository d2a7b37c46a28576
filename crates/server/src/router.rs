//! Every route, by group.

use axum::Router;
use tower::Layer;
use tower_http::normalize_path::NormalizePathLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    connectors, data_sources, events, health, integrations, jobs, local_tokens, metrics, pipes, sql, sql_text, tokens,
};
use crate::app::App;
use crate::error::{method_not_allowed, route_not_found};
use crate::middleware;
use crate::openapi::ApiDoc;

/// The routes and their documentation. Nothing is registered elsewhere.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        // Data in
        .routes(routes!(events::send_events))
        .routes(routes!(data_sources::list_data_sources, data_sources::create_or_append))
        .routes(routes!(
            data_sources::get_data_source,
            data_sources::update_data_source,
            data_sources::delete_data_source
        ))
        .routes(routes!(data_sources::truncate_data_source))
        // Pipes
        .routes(routes!(pipes::list_pipes, pipes::create_pipe))
        .routes(routes!(
            pipes::one::get_pipe,
            pipes::one::post_pipe_data,
            pipes::one::update_pipe,
            pipes::one::delete_pipe
        ))
        .routes(routes!(pipes::nodes::append_node))
        .routes(routes!(pipes::nodes::edit_node, pipes::nodes::delete_node))
        .routes(routes!(pipes::endpoint::publish_node, pipes::endpoint::unpublish_node))
        .routes(routes!(pipes::endpoint::publish_named_node))
        .routes(routes!(pipes::copy::set_copy, pipes::copy::change_copy, pipes::copy::unset_copy))
        .routes(routes!(pipes::copy::run_copy))
        .routes(routes!(pipes::copy::pause_copy))
        .routes(routes!(pipes::copy::resume_copy))
        .routes(routes!(pipes::copy::cancel_copies))
        .routes(routes!(pipes::materialization::materialize_node, pipes::materialization::unlink_node))
        .routes(routes!(pipes::materialization::populate_node))
        .routes(routes!(pipes::materialization::analyze_node))
        .routes(routes!(pipes::sink::set_sink, pipes::sink::unset_sink))
        .routes(routes!(pipes::sink::run_sink))
        .routes(routes!(pipes::explain::explain_pipe))
        .routes(routes!(pipes::explain::explain_node))
        .routes(routes!(pipes::endpoints::describe_endpoints))
        // Connections
        .routes(routes!(connectors::list_connections, connectors::create_connection))
        .routes(routes!(connectors::get_connection, connectors::delete_connection))
        .routes(routes!(integrations::get_s3_trust_policy))
        .routes(routes!(integrations::get_s3_access_policy))
        .routes(routes!(integrations::get_s3_write_access_policy))
        .routes(routes!(integrations::get_s3_read_access_policy))
        .routes(routes!(integrations::get_s3_settings))
        .routes(routes!(integrations::get_bigquery_credentials))
        // Jobs
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::get_job))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(jobs::retry_job))
        // Data out
        .routes(routes!(sql::query_sql, sql::post_sql))
        .routes(routes!(sql_text::list_tables, sql_text::post_tables))
        .routes(routes!(sql_text::replace_sql, sql_text::post_replace))
        .routes(routes!(sql_text::format_sql, sql_text::post_format))
        // Tokens
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::get_token, tokens::update_token, tokens::delete_token))
        .routes(routes!(tokens::refresh_token))
        .routes(routes!(local_tokens::get_local_tokens))
        // Operations
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_health_v0))
        .routes(routes!(health::get_readiness))
        .routes(routes!(metrics::get_metrics))
}

/// The service that answers every request.
pub fn build(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    finish(router, app)
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// Puts around `router` what every request passes: fallbacks, limits, errors as JSON, CORS, logs and metrics.
pub fn finish(router: Router<App>, app: App) -> Router {
    let router = router.fallback(route_not_found).method_not_allowed_fallback(method_not_allowed);
    let service = middleware::around(router, &app).with_state(app);
    // Clients end paths with a slash as they like. It is taken off before a route is looked for, so around the routes.
    Router::new().fallback_service(NormalizePathLayer::trim_trailing_slash().layer(service))
}
