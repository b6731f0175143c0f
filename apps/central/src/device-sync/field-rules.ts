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

/**
 * A moment in the notation of RFC 3339, with its zone. Years 0001 to 9999 and zones up to 15:59 are what PostgreSQL
 * takes as well; a leap second is not, which is no moment for a JavaScript Date.
 */
export function IsMoment(): PropertyDecorator {
  return ValidateBy({
    name: 'isMoment',
    validator: {
      validate: (value) => typeof value === 'string' && isMoment(value),
      defaultMessage: () => 'must be a moment with a zone as in RFC 3339: 2026-11-21T08:00:03.120Z',
    },
  });
}

const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/i;

function isMoment(text: string): boolean {
  const match = MOMENT.exec(text);
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year === 0 || month < 1 || month > 12 || day < 1) return false;
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= days[month - 1]!;
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
