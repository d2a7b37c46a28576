//! ClickHouse error codes that the product acts on or names.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: i32 = $code;)*

        /// The name of `code`, or an empty string for a code not listed here.
        pub fn name(code: i32) -> &'static str {
            match code { $($code => stringify!($name),)* _ => "" }
        }
    };
}

codes! {
    /// The engine does not do this with a table of this kind.
    UNSUPPORTED_METHOD = 1;
    /// A function got arguments it cannot take.
    BAD_ARGUMENTS = 36;
    /// A value could not be parsed from text.
    CANNOT_PARSE_TEXT = 6;
    /// Quoted text in the input is malformed.
    CANNOT_PARSE_QUOTED_STRING = 26;
    /// The input of an INSERT does not have the shape that its format asserts.
    CANNOT_PARSE_INPUT_ASSERTION_FAILED = 27;
    /// A date could not be parsed.
    CANNOT_PARSE_DATE = 38;
    /// A date with time could not be parsed.
    CANNOT_PARSE_DATETIME = 41;
    /// A function got the wrong number of arguments.
    NUMBER_OF_ARGUMENTS_DOESNT_MATCH = 42;
    /// A function got an argument of a type it cannot take.
    ILLEGAL_TYPE_OF_ARGUMENT = 43;
    /// No function has this name.
    UNKNOWN_FUNCTION = 46;
    /// No column or alias has this name.
    UNKNOWN_IDENTIFIER = 47;
    /// The engine does not do this.
    NOT_IMPLEMENTED = 48;
    /// No data type has this name.
    UNKNOWN_TYPE = 50;
    /// Two types do not fit.
    TYPE_MISMATCH = 53;
    /// CREATE of a table that exists.
    TABLE_ALREADY_EXISTS = 57;
    /// No table has this name.
    UNKNOWN_TABLE = 60;
    /// The text is not SQL.
    SYNTAX_ERROR = 62;
    /// A value could not be converted to the type of its column.
    CANNOT_CONVERT_TYPE = 70;
    /// No output or input format has this name.
    UNKNOWN_FORMAT = 73;
    /// A file could not be read.
    CANNOT_READ_FROM_FILE_DESCRIPTOR = 74;
    /// A file could not be written.
    CANNOT_WRITE_TO_FILE_DESCRIPTOR = 75;
    /// A file could not be opened; the sandbox's refusals look like this.
    CANNOT_OPEN_FILE = 76;
    /// No database has this name.
    UNKNOWN_DATABASE = 81;
    /// CREATE of a database that exists.
    DATABASE_ALREADY_EXISTS = 82;
    /// No setting has this name.
    UNKNOWN_SETTING = 115;
    /// A subquery in the place of a value answers several rows.
    INCORRECT_RESULT_OF_SCALAR_SUBQUERY = 125;
    /// `max_rows_to_read` or `max_result_rows` was passed.
    TOO_MANY_ROWS = 158;
    /// `max_execution_time` was passed.
    TIMEOUT_EXCEEDED = 159;
    /// The engine expected to pass `max_execution_time`.
    TOO_SLOW = 160;
    /// The statement is not allowed in readonly mode.
    READONLY = 164;
    /// The system has no memory.
    CANNOT_ALLOCATE_MEMORY = 173;
    /// One alias is given to several expressions.
    MULTIPLE_EXPRESSIONS_FOR_ALIAS = 179;
    /// FINAL of a table that has no versions of rows.
    ILLEGAL_FINAL = 181;
    /// An aggregate function stands where none may.
    ILLEGAL_AGGREGATION = 184;
    /// User name or password is wrong (old servers).
    WRONG_PASSWORD = 193;
    /// The server's limit, or a lane's queue, is full; nothing was run.
    TOO_MANY_SIMULTANEOUS_QUERIES = 202;
    /// A name may mean several columns.
    AMBIGUOUS_IDENTIFIER = 207;
    /// Another server took too long.
    SOCKET_TIMEOUT = 209;
    /// The connection to another server could not be made.
    NETWORK_ERROR = 210;
    /// A column is neither aggregated nor in GROUP BY.
    NOT_AN_AGGREGATE = 215;
    /// The engine gave a statement up, since it is being stopped, say.
    ABORTED = 236;
    /// A memory limit was passed.
    MEMORY_LIMIT_EXCEEDED = 241;
    /// A replica that has lost its keeper takes no rows.
    TABLE_IS_READ_ONLY = 242;
    /// The disk is full.
    NOT_ENOUGH_SPACE = 243;
    /// More parts than the table takes.
    TOO_MANY_PARTS = 252;
    /// `max_bytes_to_read` was passed.
    TOO_MANY_BYTES = 307;
    /// The engine refuses experimental features.
    SUPPORT_IS_DISABLED = 344;
    /// Values of these types have no type in common.
    NO_COMMON_TYPE = 386;
    /// The query was killed.
    QUERY_WAS_CANCELLED = 394;
    /// `throwIf` threw.
    FUNCTION_THROW_IF_VALUE_IS_NON_ZERO = 395;
    /// `max_result_rows` or `max_result_bytes` was passed.
    TOO_MANY_ROWS_OR_BYTES = 396;
    /// A join on a condition that the engine cannot join on.
    INVALID_JOIN_ON_EXPRESSION = 403;
    /// No thread could be started.
    CANNOT_SCHEDULE_TASK = 439;
    /// A placeholder has no value.
    UNKNOWN_QUERY_PARAMETER = 456;
    /// A placeholder's value does not fit its type.
    BAD_QUERY_PARAMETER = 457;
    /// The user lacks a grant.
    ACCESS_DENIED = 497;
    /// User name or password is wrong.
    AUTHENTICATION_FAILED = 516;
    /// The keeper of a cluster failed.
    KEEPER_EXCEPTION = 999;
    /// A file was refused by the system.
    POCO_EXCEPTION = 1000;
    /// An error of the C++ library, usually input or output.
    STD_EXCEPTION = 1001;
    /// The engine cannot say what happened.
    UNKNOWN_EXCEPTION = 1002;
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes_have_names() {
        assert_eq!(super::name(super::UNKNOWN_TABLE), "UNKNOWN_TABLE");
        assert_eq!(super::name(-1), "");
    }
}
