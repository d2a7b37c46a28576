//! Which settings users may give in a SETTINGS clause.
//!
//! Left out on purpose: limits (time, memory, rows: the server sets them), everything that names a file, a path, a
//! server, a user or a format schema, everything that changes what is logged, and `readonly` itself.

/// Names with the reason why a user may choose the value.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("aggregate_functions_null_for_empty", "what aggregates of nothing answer"),
    ("allow_experimental_analyzer", "accepted for old queries; the engine knows one analyzer only"),
    ("any_join_distinct_right_table_keys", "the meaning of ANY JOIN in old queries"),
    ("asterisk_include_alias_columns", "which columns an asterisk means"),
    ("asterisk_include_materialized_columns", "which columns an asterisk means"),
    ("cast_keep_nullable", "what CAST makes of NULL"),
    ("count_distinct_implementation", "how exact COUNT(DISTINCT) is"),
    ("count_distinct_optimization", "a plan choice"),
    ("date_time_input_format", "how texts are read as times"),
    ("date_time_output_format", "how times are printed"),
    ("distinct_overflow_mode", "what a limit on DISTINCT does; the limit itself is the server's"),
    ("do_not_merge_across_partitions_select_final", "a plan choice for FINAL"),
    ("enable_analyzer", "accepted for old queries; the engine knows one analyzer only"),
    ("enable_early_constant_folding", "a plan choice"),
    ("enable_optimize_predicate_expression", "a plan choice"),
    ("enable_positional_arguments", "whether numbers in GROUP BY and ORDER BY mean columns"),
    ("extremes", "adds minima and maxima to the answer"),
    ("final", "adds FINAL to every table that is read"),
    ("force_primary_key", "refuses queries that use no index"),
    ("formatdatetime_f_prints_single_zero", "how times are printed"),
    ("formatdatetime_parsedatetime_m_is_month_name", "how times are printed"),
    ("function_json_value_return_type_allow_complex", "what JSON_VALUE answers"),
    ("function_json_value_return_type_allow_nullable", "what JSON_VALUE answers"),
    ("group_by_overflow_mode", "what a limit on GROUP BY does; the limit itself is the server's"),
    ("group_by_use_nulls", "what ROLLUP, CUBE and GROUPING SETS answer"),
    ("join_algorithm", "a plan choice"),
    ("join_any_take_last_row", "which row ANY JOIN takes"),
    ("join_default_strictness", "the meaning of a bare JOIN"),
    ("join_use_nulls", "what outer joins fill in"),
    ("max_block_size", "the unit of work; memory stays limited by the server"),
    ("max_bytes_before_external_group_by", "when aggregation goes to disk"),
    ("max_bytes_before_external_sort", "when sorting goes to disk"),
    ("max_threads", "how many threads; the server caps it"),
    ("optimize_aggregation_in_order", "a plan choice"),
    ("optimize_move_to_prewhere", "a plan choice"),
    ("optimize_move_to_prewhere_if_final", "a plan choice"),
    ("optimize_read_in_order", "a plan choice"),
    ("optimize_skip_unused_shards", "a plan choice"),
    ("optimize_use_projections", "a plan choice"),
    ("output_format_decimal_trailing_zeros", "how numbers are printed"),
    ("output_format_json_quote_64bit_floats", "how numbers are printed"),
    ("output_format_json_quote_64bit_integers", "how numbers are printed"),
    ("output_format_json_quote_decimals", "how numbers are printed"),
    ("output_format_json_quote_denormals", "how numbers are printed"),
    ("output_format_write_statistics", "whether an answer ends with its statistics"),
    ("partial_merge_join_optimizations", "a plan choice"),
    ("prefer_column_name_to_alias", "which of two names wins"),
    ("query_plan_optimize_lazy_materialization", "a plan choice"),
    ("session_timezone", "the time zone that times are shown in"),
    ("short_circuit_function_evaluation", "a plan choice"),
    ("totals_mode", "what WITH TOTALS counts"),
    ("transform_null_in", "what IN makes of NULL"),
    ("union_default_mode", "the meaning of a bare UNION"),
    ("use_index_for_in_with_subqueries", "a plan choice"),
    ("use_skip_indexes", "a plan choice"),
    ("use_skip_indexes_if_final", "a plan choice"),
    ("use_variant_as_common_type", "the type of mixed values"),
];

/// Whether a user may give this setting. Names are case-sensitive, as in the engine.
pub(crate) fn is_allowed(name: &str) -> bool {
    SETTINGS.binary_search_by_key(&name, |(name, _)| name).is_ok()
}

/// Those of them that users may give beside a row filter: they say how an answer is made and printed, never what a value
/// is, what an expression means or which rows there are. What is not here is refused there: settings for printing times and
/// decimals, as `toString` follows them, and whatever is not plainly harmless.
const KEEPING_MEANING: &[&str] = &[
    "extremes",
    "force_primary_key",
    "join_algorithm",
    "max_block_size",
    "max_bytes_before_external_group_by",
    "max_bytes_before_external_sort",
    "max_threads",
    "optimize_aggregation_in_order",
    "optimize_move_to_prewhere",
    "optimize_read_in_order",
    "output_format_json_quote_64bit_floats",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_decimals",
    "output_format_json_quote_denormals",
    "output_format_write_statistics",
    "totals_mode",
    "use_skip_indexes",
];

/// Whether a user may give this setting in a query that has row filters.
pub(crate) fn keeps_meaning(name: &str) -> bool {
    KEEPING_MEANING.binary_search(&name).is_ok()
}

/// Whether a value may be handed on as a connect argument and printed in a query tree: plain words and numbers.
pub(crate) fn is_plain_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 64
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-,/:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_its_search() {
        assert!(SETTINGS.is_sorted_by_key(|(name, _)| *name));
        assert!(KEEPING_MEANING.is_sorted());
        assert!(KEEPING_MEANING.iter().all(|name| is_allowed(name)));
    }

    #[test]
    fn limits_and_outside_settings_are_not_on_it() {
        for name in [
            "readonly",
            "max_execution_time",
            "max_memory_usage",
            "max_result_rows",
            "format_schema",
            "log_comment",
            "additional_table_filters",
            "additional_result_filter",
            "http_max_tries",
            "allow_introspection_functions",
        ] {
            assert!(!is_allowed(name), "{name}");
        }
    }
}
