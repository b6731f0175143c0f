/**
 * The STABLE functions of PostgreSQL itself whose result follows from their arguments, from definitions that are
 * watched, and from settings that Rivulet pins: by their C names, as several functions can share an SQL name. A function
 * that is not here, of this or a later version, can depend on anything.
 */
export const provenStableFunctions: ReadonlySet<string> = new Set([
  ...timeZoneFunctions(),
  // Text of values, in the pinned formats.
  ...words(`timestamp_to_char timestamptz_to_char interval_to_char numeric_to_char int4_to_char int8_to_char
    float4_to_char float8_to_char to_date to_timestamp numeric_to_number text_concat text_concat_ws text_format
    text_format_nv array_to_text array_to_text_null`),
  ...words(`array_to_json array_to_json_pretty row_to_json row_to_json_pretty to_json to_jsonb json_agg_transfn
    json_agg_strict_transfn jsonb_agg_transfn jsonb_agg_strict_transfn jsonb_agg_finalfn json_object_agg_transfn
    json_object_agg_strict_transfn json_object_agg_unique_transfn json_object_agg_unique_strict_transfn
    jsonb_object_agg_transfn jsonb_object_agg_strict_transfn jsonb_object_agg_unique_transfn
    jsonb_object_agg_unique_strict_transfn jsonb_object_agg_finalfn json_build_array json_build_array_noargs
    json_build_object json_build_object_noargs jsonb_build_array jsonb_build_array_noargs jsonb_build_object
    jsonb_build_object_noargs`),
  // Labels of enums, whose definitions are watched.
  ...words('enum_first enum_last enum_range_all enum_range_bounds'),
  // lc_monetary, xmloption
  ...words('cash_numeric numeric_cash int4_cash int8_cash texttoxml xml_is_well_formed'),
  // Facts of the session and the database; the definition of the role is watched.
  ...words(`current_user session_user current_database getdatabaseencoding pg_client_encoding PG_encoding_to_char
    PG_char_to_encoding pg_convert pg_convert_from pg_convert_to length_in_encoding`),
  // Types and collations of the arguments, whose definitions are watched.
  ...words('pg_typeof pg_basetype pg_collation_for pg_column_size'),
  // The placeholder of an aggregate; its own functions are looked at.
  'aggregate_dummy',
]);

/** They follow TimeZone. timetz_zone and timetz_at_local are not among them: their offset is that of today. */
export function timeZoneFunctions(): string[] {
  const comparisons = ['cmp', 'eq', 'ge', 'gt', 'le', 'lt', 'ne'];
  const pairs = [
    ['date', 'timestamptz'],
    ['timestamp', 'timestamptz'],
    ['timestamptz', 'date'],
    ['timestamptz', 'timestamp'],
  ];
  return [
    ...pairs.flatMap(([left, right]) => comparisons.map((comparison) => `${left}_${comparison}_${right}`)),
    ...words(`date_timestamptz timestamp_timestamptz timestamptz_timestamp timestamptz_date timestamptz_time
      timestamptz_timetz time_timetz timestamp_at_local timestamptz_at_local timestamptz_part extract_timestamptz
      timestamptz_trunc timestamptz_trunc_zone timestamptz_pl_interval timestamptz_mi_interval make_timestamptz
      make_timestamptz_at_timezone generate_series_timestamptz in_range_timestamptz_interval
      jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_tz jsonb_path_query_array_tz
      jsonb_path_query_first_tz`),
  ];
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
