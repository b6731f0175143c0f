import type { ClientBase } from 'pg';

/**
 * Every setting that changes how PostgreSQL prints or reads a value, with the value for the canonical form
 * (docs/protocol.md). extra_float_digits = 1 prints floats in their shortest exact form.
 */
export const canonicalSettings: Record<string, string> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  TimeZone: 'UTC',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  lc_monetary: 'C',
  xmlbinary: 'base64',
  xmloption: 'content',
  array_nulls: 'on',
};

/** Pins the settings for the rest of the transaction. */
export async function useCanonicalSettings(client: ClientBase): Promise<void> {
  const names = Object.keys(canonicalSettings);
  await client.query(
    `SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS setting (name, value)`,
    [names, names.map((name) => canonicalSettings[name])],
  );
}
