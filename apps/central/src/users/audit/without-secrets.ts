import { hash } from 'node:crypto';

const SECRET_NAMES =
  /^(.*password|.*passwordHash|token|.*[_a-z]token|secret|.*Secret|key|apiKey|privateKey|csv)$/i;
const HIDDEN = '[hidden]';
const DEPTH_MAX = 8;
const TEXT_MAX = 1_000;
const JSON_MAX = 16_384;

/** The content allowed in the audit log: no secrets, and at most 16 KiB. */
export function withoutSecrets(value: unknown): unknown {
  if (value === undefined) return null;
  const safe = hide(value, 0);
  const json = JSON.stringify(safe);
  return json.length <= JSON_MAX ? safe : { omitted: extentOf(json) };
}

/** Text that is left out can be recognised: padding must not hide what somebody has written after it. */
function extentOf(text: string): string {
  return `${text.length} characters, SHA-256 ${hash('sha256', text)}`;
}

function hide(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    // Neither PostgreSQL's jsonb takes these.
    const text = value.replaceAll('\0', '').toWellFormed();
    return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}… (${extentOf(text)})`;
  }
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth >= DEPTH_MAX) return `… (${extentOf(JSON.stringify(hide(value, 0)))})`;
  if (Array.isArray(value)) return value.map((item) => hide(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      SECRET_NAMES.test(name) && typeof part === 'string' ? HIDDEN : hide(part, depth + 1),
    ]),
  );
}
