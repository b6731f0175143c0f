import type { BusBody } from '@rivulet/bus';
import type { PresenceEntry } from './presence-book';

/** Messages between processes about who is connected to them. */
export type PresenceMessage =
  | { kind: 'changed'; from: string; number: number; entries: PresenceEntry[] }
  /** Everything of one process, in parts. */
  | {
      kind: 'state';
      from: string;
      number: number;
      isFirst: boolean;
      isLast: boolean;
      entries: PresenceEntry[];
    }
  | { kind: 'beat'; from: string; number: number }
  /** Everything of one process, or of all, is asked for. */
  | { kind: 'wanted'; from: string; of: string | undefined }
  | { kind: 'gone'; from: string };

export function encodePresence(message: PresenceMessage): BusBody {
  if (!('entries' in message)) return { ...message };
  const entries = message.entries.map(({ topic, userId, connections, sinceMs }) => [
    topic,
    userId,
    connections,
    sinceMs,
  ]);
  return { ...message, entries };
}

/** Undefined for what another version may have sent. */
export function decodePresence(body: BusBody): PresenceMessage | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  const { kind, from, number, of, isFirst, isLast, entries } = body;
  if (typeof from !== 'string') return undefined;
  if (kind === 'gone') return { kind, from };
  if (kind === 'wanted') return { kind, from, of: typeof of === 'string' ? of : undefined };
  if (typeof number !== 'number') return undefined;
  if (kind === 'beat') return { kind, from, number };
  const read = Array.isArray(entries) ? entries.map(readEntry) : [undefined];
  if (read.includes(undefined)) return undefined;
  const known = read as PresenceEntry[];
  if (kind === 'changed') return { kind, from, number, entries: known };
  if (kind === 'state')
    return { kind, from, number, isFirst: isFirst === true, isLast: isLast === true, entries: known };
  return undefined;
}

function readEntry(entry: BusBody): PresenceEntry | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [topic, userId, connections, sinceMs] = entry;
  if (typeof topic !== 'string' || typeof userId !== 'string') return undefined;
  if (typeof connections !== 'number' || typeof sinceMs !== 'number') return undefined;
  return { topic, userId, connections, sinceMs };
}
