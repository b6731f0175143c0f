import { inTransaction, lockingStatement, ownTables, withClient } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';
import { Coalesced } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import { fold, readChanges, readMarker, readPending, type Changes, type Marker } from './change-log-queries';
import { ValueVersions } from './value-versions';
import { Versions } from './versions';

/** Held by whoever gives versions. */
export const VERSIONS_LOCK = 'rivulet table versions';

/** Rows of the log that are deleted in one go: there may be millions when central was away for long. */
const FOLDED_AT_ONCE = 200_000;

/** A transaction that reads may be a little older than what others have seen since. */
const MOMENTS_KEPT = 32;

/** Versions, and the last fold that they have. */
interface Moment {
  marker: Marker;
  versions: Versions;
}

const BEGINNING: Moment = { marker: { fold: '0', version: '0' }, versions: Versions.none };

/**
 * The versions of the source's tables and values. A change that has been committed gets them new ones before anyone is
 * told the old ones again; see docs/adr/0011 and 0022.
 */
export class ChangeLog {
  private latest = BEGINNING;
  private readonly moments = new LRUCache<string, Moment>({ max: MOMENTS_KEPT });
  private oldestCommitMs: number | undefined;
  private readonly reading = new Coalesced(() => this.read());

  constructor(private readonly source: Pool) {}

  /** As of a moment after the call. The same object as long as nothing has changed. */
  async versions(): Promise<Versions> {
    return this.reading.run();
  }

  /**
   * When the first of the changes was committed that this process has given versions since the last call, by the monotonic
   * clock; undefined where the source does not keep it (track_commit_timestamp), or another process gave them.
   */
  takeOldestCommitMs(): number | undefined {
    const oldestMs = this.oldestCommitMs;
    this.oldestCommitMs = undefined;
    return oldestMs;
  }

  /**
   * As of the snapshot of the caller's REPEATABLE READ transaction, with the keys that have changes which it sees and
   * which no version stands for.
   *
   * What it reads under a key that is not pending is the content of the version that it sees: each version was given
   * after the changes that it stands for were committed, so it sees these; and a change that it sees and that has
   * no version yet has its row in the log.
   */
  async versionsAt(client: ClientBase): Promise<{ versions: Versions; pending: ReadonlySet<string> }> {
    const marker = await readMarker(client);
    const pending = marker.isPending ? await readPending(client) : new Set<string>();
    const { versions } = this.moments.get(idOf(marker)) ?? (await this.momentOf(client));
    return { versions, pending };
  }

  private async read(): Promise<Versions> {
    return withClient(this.source, async (client) => {
      let marker = await readMarker(client);
      if (marker.isPending) {
        await this.giveVersions(client);
        marker = await readMarker(client);
      }
      if (idOf(marker) !== idOf(this.latest.marker)) this.latest = await this.momentOf(client);
      return this.latest.versions;
    });
  }

  /** A change that is not committed yet is invisible to the DELETE, and stays for the next time. */
  private async giveVersions(client: ClientBase): Promise<void> {
    let folded: number;
    do {
      folded = await inTransaction(
        client,
        { ...ownTables, first: lockingStatement(VERSIONS_LOCK) },
        async () => this.fold(client),
      );
    } while (folded >= FOLDED_AT_ONCE);
  }

  private async fold(client: ClientBase): Promise<number> {
    // The time of the statement counts to the change: a little too much, never too little.
    const startMs = performance.now();
    const { rows } = await client.query<{ folded: number; oldestMs: number | null }>({
      name: 'rivulet fold',
      text: fold,
      values: [FOLDED_AT_ONCE],
    });
    const [{ folded, oldestMs }] = rows as [(typeof rows)[0]];
    if (oldestMs !== null) this.noteCommit(startMs - oldestMs);
    return folded;
  }

  private noteCommit(atMs: number): void {
    this.oldestCommitMs = Math.min(this.oldestCommitMs ?? Infinity, atMs);
  }

  /** The versions that a transaction sees, made of the latest ones and of what has changed since. */
  private async momentOf(client: ClientBase): Promise<Moment> {
    const base = this.latest;
    const changes = await readChanges(client, base.marker);
    const values = (changes.isSince ? base.versions.values : ValueVersions.none).with(changes.values);
    const { marker } = changes;
    const moment = { marker, versions: new Versions(changes.tables, values, idOf(marker)) };
    this.moments.set(idOf(marker), moment);
    return moment;
  }
}

function idOf({ fold: number, version }: Changes['marker']): string {
  return [number, version].join('.');
}
