import { Injectable } from '@nestjs/common';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { LRUCache } from 'lru-cache';
import { ChangeDetection, type Versions } from '../changes/change-detection';
import { SourceDatabase } from '../database/source-database';
import { SCOPE_WATCH } from '../changes/source-watch';
import { stampOf } from '../changes/stamp';
import { DatasetCatalogue } from '../datasets/dataset-catalogue';
import { resolveScope, type Scope } from './resolve-scope';

/** A scope, and the versions of the source's tables at a moment at which it was this. */
export interface KnownScope {
  scope: Scope;
  versions: Versions;
  /** That of the tables which the scope query reads; undefined when it cannot be told from these. */
  stamp: string | undefined;
}

/** Scopes that are remembered. A few hundred bytes each. */
const SCOPES_KEPT = 20_000;

const LIMITS = {
  isolation: 'REPEATABLE READ',
  readOnly: true,
  statementTimeoutMs: 10_000,
  lockTimeoutMs: 5_000,
  idleTimeoutMs: 10_000,
} as const;

/** Knows the scope of every device that has asked lately, for as long as the tables behind it do not change. */
@Injectable()
export class ScopeService {
  private readonly known = new LRUCache<string, { scope: Scope; stamp: string }>({ max: SCOPES_KEPT });

  constructor(
    private readonly source: SourceDatabase,
    private readonly catalogue: DatasetCatalogue,
    private readonly changes: ChangeDetection,
  ) {}

  /** The scope as it is now: at a moment that is not before the call. @throws what resolveScope throws */
  async find(macAddress: string): Promise<KnownScope> {
    const versions = await this.changes.versions();
    const stamp = this.stamp(versions);
    const known = this.known.get(macAddress);
    if (known !== undefined && known.stamp === stamp) return { ...known, versions };
    return this.read(macAddress);
  }

  /** The scope as of a later moment, or as it is now where the versions of that are not known. */
  async asOf(known: KnownScope, later: Versions | undefined): Promise<KnownScope> {
    const { stamp, scope } = known;
    const isSame = later !== undefined && stamp !== undefined && stamp === this.stamp(later);
    return isSame ? known : this.find(scope.macAddress);
  }

  private async read(macAddress: string): Promise<KnownScope> {
    return withClient(this.source.pool, (client) =>
      inTransaction(client, LIMITS, async () => {
        await useCanonicalSettings(client);
        const { versions, pending } = await this.changes.versionsAt(client);
        const scope = await resolveScope(client, this.catalogue.scope, macAddress);
        const isSettled = !this.changes.watchOf(SCOPE_WATCH).relations.some((name) => pending.has(name));
        const stamp = isSettled ? this.stamp(versions) : undefined;
        if (stamp === undefined) this.known.delete(macAddress);
        else this.known.set(macAddress, { scope, stamp });
        return { scope, versions, stamp };
      }),
    );
  }

  private stamp(versions: Versions): string | undefined {
    const { relations, polled } = this.changes.watchOf(SCOPE_WATCH);
    return polled === undefined ? stampOf(relations, versions) : undefined;
  }
}
