import { NAME_MAX_BYTES, patterns } from '@rivulet/protocol';
import { Matches, ValidateBy, type ValidationArguments } from 'class-validator';

/** The name of a dataset: PostgreSQL counts its bytes, not its characters. */
export function IsDatasetName(): PropertyDecorator {
  return ValidateBy({
    name: 'isDatasetName',
    validator: {
      validate: (value) =>
        typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= NAME_MAX_BYTES,
      defaultMessage: () => `must be a text of 1 to ${NAME_MAX_BYTES} bytes of UTF-8`,
    },
  });
}

export function IsSha256(): PropertyDecorator {
  return Matches(patterns.sha256, { message: 'must be a SHA-256 as 64 lower-case hexadecimal digits' });
}

export function IsUlid(): PropertyDecorator {
  return Matches(patterns.ulid, { message: 'must be a ULID' });
}

/** A list of tables, none of which is there twice. */
export function NamesEachTableOnce(): PropertyDecorator {
  return ValidateBy({
    name: 'namesEachTableOnce',
    validator: {
      validate: (value) => repeatedName(value) === undefined,
      defaultMessage: (args?: ValidationArguments) =>
        `must name each table once; "${repeatedName(args?.value) ?? ''}" is there twice`,
    },
  });
}

function repeatedName(tables: unknown): string | undefined {
  const seen = new Set<string>();
  for (const table of Array.isArray(tables) ? (tables as ({ name?: unknown } | null)[]) : []) {
    const name = table?.name;
    if (typeof name !== 'string') continue;
    if (seen.has(name)) return name.slice(0, NAME_MAX_BYTES);
    seen.add(name);
  }
  return undefined;
}

/** Holds where the report says that the manifest was applied, or that it failed. */
export function OnlyWithStatus(status: string, isAbsent: (value: unknown) => boolean, reason: string) {
  return ValidateBy({
    name: 'onlyWithStatus',
    validator: {
      validate: (value, args) => (args!.object as { status?: unknown }).status === status || isAbsent(value),
      defaultMessage: () => reason,
    },
  });
}
