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
  const { length } = JSON.stringify(safe);
  return length <= JSON_MAX ? safe : { omitted: `${length} characters` };
}

function hide(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    // Neither PostgreSQL's jsonb takes these.
    const text = value.replaceAll('\0', '').toWellFormed();
    return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
  }
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth >= DEPTH_MAX) return '…';
  if (Array.isArray(value)) return value.map((item) => hide(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      SECRET_NAMES.test(name) && typeof part === 'string' ? HIDDEN : hide(part, depth + 1),
    ]),
  );
}
