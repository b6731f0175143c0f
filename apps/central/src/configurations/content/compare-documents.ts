import { canonicalJson } from '@rivulet/protocol';
import { escapeName, isObject } from './merge-patch';

export interface DocumentChange {
  /** JSON Pointer. */
  path: string;
  kind: 'added' | 'removed' | 'changed';
  from?: unknown;
  to?: unknown;
}

/** Beyond this a list of changes tells nobody anything. */
const CHANGES_MAX = 1_000;

/** The values in which two documents differ, in the order of their names. */
export function compareDocuments(from: unknown, to: unknown): DocumentChange[] {
  const changes: DocumentChange[] = [];
  compare(from, to, '', changes);
  return changes;
}

function compare(from: unknown, to: unknown, path: string, changes: DocumentChange[]): void {
  if (!isObject(from) || !isObject(to)) {
    if (canonicalJson(from) !== canonicalJson(to)) add(changes, { path, kind: 'changed', from, to });
    return;
  }
  for (const name of [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted()) {
    const place = `${path}/${escapeName(name)}`;
    if (!Object.hasOwn(to, name)) add(changes, { path: place, kind: 'removed', from: from[name] });
    else if (!Object.hasOwn(from, name)) add(changes, { path: place, kind: 'added', to: to[name] });
    else compare(from[name], to[name], place, changes);
  }
}

function add(changes: DocumentChange[], change: DocumentChange): void {
  if (changes.length < CHANGES_MAX) changes.push(change);
}
