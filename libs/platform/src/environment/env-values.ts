import { TrustedProxies } from '../addresses/trusted-proxies';
import { redactSecrets } from '../logging/redaction';
import { EnvValue, type EnvValueKind } from './env-variable';

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
} as const;

/** `500ms`, `30s`, `5m`, `1h`, `1d` → milliseconds. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/, (unit) => MILLISECONDS[unit as 'ms']);
}

/** `512`, `64KiB`, `10MB` → bytes. Letter case does not matter: nobody means millibits. */
export function parseByteSize(text: string): number | undefined {
  return parseQuantity(text, /^(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?$/i, (unit) => {
    const name = Object.keys(BYTES).find((known) => known.toLowerCase() === unit.toLowerCase());
    return BYTES[(name ?? 'B') as 'B'];
  });
}

/** `16MiB`: as it would be set. */
export function formatByteSize(bytes: number): string {
  const { B, KiB, MiB, GiB } = BYTES;
  return formatQuantity(bytes, { B, KiB, MiB, GiB });
}

export interface DurationLimits {
  min?: string;
  max?: string;
  /** The text that stands for no duration at all, `0` by default where min is not given. */
  off?: string;
}

/** A number of milliseconds, written as a duration. Limits are durations too. */
export function Duration(limits: DurationLimits = {}): PropertyDecorator {
  const min = limits.min === undefined ? 0 : parseDuration(limits.min)!;
  const max = limits.max === undefined ? Infinity : parseDuration(limits.max)!;
  const off = limits.off ?? (limits.min === undefined ? '0' : undefined);
  return EnvValue({
    accepts: `a duration such as 500ms, 30s, 5m or 1h${rangeOf(limits.min, limits.max)}${off === undefined ? '' : `, or ${off}`}`,
    parse: (text) => (text === off ? 0 : within(parseDuration(text), min, max)),
    format: (value) =>
      value === 0 && off !== undefined ? off : formatQuantity(value as number, MILLISECONDS),
  });
}

/** A number of bytes, written as a size. Limits are sizes too. */
export function ByteSize(limits: { min?: string; max?: string } = {}): PropertyDecorator {
  const min = limits.min === undefined ? 0 : parseByteSize(limits.min)!;
  const max = limits.max === undefined ? Number.MAX_SAFE_INTEGER : parseByteSize(limits.max)!;
  return EnvValue({
    accepts: `a size such as 65536, 64KiB or 10MB${rangeOf(limits.min, limits.max)}`,
    parse: (text) => within(parseByteSize(text), min, max),
    format: (value) => formatByteSize(value as number),
  });
}

/** A boolean: `true`, `1` or `yes`; `false`, `0` or `no`. */
export function Flag(): PropertyDecorator {
  return EnvValue({
    accepts: 'true or false',
    parse: (text) => FLAGS.get(text.toLowerCase()),
    format: String,
  });
}

/** A comma-separated list of texts. */
export function List(): PropertyDecorator {
  return EnvValue({
    accepts: 'a list, separated by commas',
    parse: itemsOf,
    format: (value) => (value as string[]).join(','),
  });
}

/** A list of addresses and networks, as {@link TrustedProxies} takes them. One that holds every address is none. */
export function ProxyList(): PropertyDecorator {
  return EnvValue({
    accepts: 'a list of addresses and networks such as 10.0.0.7,192.168.4.0/24,loopback',
    parse: (text) => {
      const networks = itemsOf(text);
      return TrustedProxies.accepts(networks) ? networks : undefined;
    },
    format: (value) => (value as string[]).join(','),
  });
}

export function PostgresUrl(): PropertyDecorator {
  return urlValue('a PostgreSQL URL such as postgres://user:password@host:5432/database', (url) => {
    return ['postgres:', 'postgresql:'].includes(url.protocol);
  });
}

export function HttpUrl(): PropertyDecorator {
  return urlValue('a URL such as http://central.example:8080', (url) => {
    return ['http:', 'https:'].includes(url.protocol) && url.hostname !== '';
  });
}

/** A URL that `openBus` of libs/bus takes. */
export function BusUrl(): PropertyDecorator {
  const accepts =
    'postgres: or a URL such as nats://host:4222, tls://host:4222, redis://host:6379 or rediss://host:6379';
  return urlValue(accepts, (url) => {
    return url.href === 'postgres:' || (/^(nats|tls|rediss?):$/.test(url.protocol) && url.hostname !== '');
  });
}

const FLAGS = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
]);

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function urlValue(accepts: string, isAccepted: (url: URL) => boolean): PropertyDecorator {
  const kind: EnvValueKind = {
    accepts,
    parse: (text) => (URL.canParse(text) && isAccepted(new URL(text)) ? text : undefined),
    format: (value) => redactSecrets(String(value)),
    // A malformed URL may hold its password anywhere, so then nothing is shown.
    conceal: (text) => (URL.canParse(text) || !text.includes('@') ? redactSecrets(text) : '[hidden]'),
  };
  return EnvValue(kind);
}

function parseQuantity(
  text: string,
  pattern: RegExp,
  factorOf: (unit: string) => number,
): number | undefined {
  const [, amount, unit] = pattern.exec(text.trim()) ?? [];
  if (amount === undefined) return undefined;
  const value = Math.round(Number(amount) * factorOf(unit ?? 'B'));
  return Number.isSafeInteger(value) ? value : undefined;
}

function formatQuantity(value: number, units: Record<string, number>): string {
  const [unit, factor] = Object.entries(units).findLast(
    ([, size]) => value % size === 0 && value >= size,
  ) ?? [Object.keys(units)[0]!, 1];
  return `${value / factor}${unit}`;
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function rangeOf(min: string | undefined, max: string | undefined): string {
  if (min !== undefined && max !== undefined) return ` between ${min} and ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? '' : ` of at most ${max}`;
}
