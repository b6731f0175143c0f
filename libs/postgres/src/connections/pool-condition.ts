import type { PostgresError } from '../postgres-error';
import { sqlState } from '../sql-state';
import { publish } from './connection-events';
import type { DatabaseClient } from './database-client';

/** One that has been quiet for so long begins again with a line in the log. */
const OUTAGE_MS = 60_000;

/** A database that had no room is believed to have none for so long, as only the next write shows it. */
const DISK_FULL_MS = 30_000;

const MAX_STATEMENT_CHARACTERS = 120;

/** The fault of a pool now; undefined when there is none. */
export interface PoolTrouble {
  /** Connections on which the server is silent while an answer is waited for. */
  silentConnections?: number;
  diskFull?: true;
}

/** Remembers what befell the connections of a pool, so that an outage is told once. */
export class PoolCondition {
  private readonly clients = new Set<DatabaseClient>();
  private lastLossAt = -Infinity;
  private lost = 0;
  private diskFullAt = -Infinity;
  private diskFullToldAt = -Infinity;

  constructor(private readonly pool: string) {}

  watch(client: DatabaseClient): void {
    this.clients.add(client);
    client.once('end', () => this.clients.delete(client));
    client.onLost = (error) => this.loseConnection(client, error);
    client.onError = (error) => this.noteError(error);
  }

  /** A connection fell silent, and others may have, too. */
  doubtOthers(silent: DatabaseClient): void {
    for (const client of this.clients) if (client !== silent) client.doubt();
  }

  get trouble(): PoolTrouble | undefined {
    const silentConnections = [...this.clients].filter(({ isSuspect }) => isSuspect).length;
    const isFull = performance.now() - this.diskFullAt < DISK_FULL_MS;
    if (silentConnections === 0 && !isFull) return undefined;
    return { ...(silentConnections > 0 && { silentConnections }), ...(isFull && { diskFull: true }) };
  }

  /** A connection was made. */
  recover(): void {
    if (this.lost === 0) return;
    publish({ kind: 'recovered', pool: this.pool, lost: this.lost });
    this.lost = 0;
  }

  private loseConnection(client: DatabaseClient, error: Error): void {
    const now = performance.now();
    const isNew = this.lost === 0 && now - this.lastLossAt > OUTAGE_MS;
    this.lastLossAt = now;
    this.lost++;
    const doing = abbreviate(client.doing);
    if (isNew) publish({ kind: 'lost', pool: this.pool, reason: error.message, doing });
  }

  private noteError({ code, message }: PostgresError): void {
    if (code !== sqlState.diskFull) return;
    const now = performance.now();
    this.diskFullAt = now;
    if (now - this.diskFullToldAt < OUTAGE_MS) return;
    this.diskFullToldAt = now;
    publish({ kind: 'disk-full', pool: this.pool, reason: message });
  }
}

function abbreviate(statement: string | undefined): string | undefined {
  const line = statement?.replace(/\s+/g, ' ').trim();
  if (line === undefined || line.length <= MAX_STATEMENT_CHARACTERS) return line;
  return `${line.slice(0, MAX_STATEMENT_CHARACTERS)}…`;
}
