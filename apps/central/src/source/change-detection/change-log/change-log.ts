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
  private readonly reading = new Coalesced(() => this.read());

  constructor(private readonly source: Pool) {}

  /** As of a moment after the call. The same object as long as nothing has changed. */
  async versions(): Promise<Versions> {
    return this.reading.run();
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
        await giveVersions(client);
        marker = await readMarker(client);
      }
      if (idOf(marker) !== idOf(this.latest.marker)) this.latest = await this.momentOf(client);
      return this.latest.versions;
    });
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

/** Uncommitted rows are invisible to the DELETE, and stay for the next time. */
async function giveVersions(client: ClientBase): Promise<void> {
  let folded: number;
  do {
    folded = await inTransaction(
      client,
      { ...ownTables, first: lockingStatement(VERSIONS_LOCK) },
      async () => {
        const { rows } = await client.query<{ folded: number }>({
          name: 'rivulet fold',
          text: fold,
          values: [FOLDED_AT_ONCE],
        });
        return rows[0]!.folded;
      },
    );
  } while (folded >= FOLDED_AT_ONCE);
}
