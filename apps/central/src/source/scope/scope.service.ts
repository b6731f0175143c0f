import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { isInterruption, isPostgresError, readSource } from '@rivulet/postgres';
import { LRUCache } from 'lru-cache';
import { ChangeDetection } from '../change-detection/change-detection';
import type { Versions } from '../change-detection/change-log/versions';
import { SourceDatabase } from '../../source-database/source-database';
import { versionKeysOf } from '../change-detection/version-keys';
import { versionVectorOf, type VersionedQuery } from '../change-detection/version-vector';
import { isConsistentRead } from '../consistent-read';
import { SourceMetrics } from '../source.metrics';
import { CurrentDatasets } from '../../datasets/current-datasets';
import { scopeIdOf } from './scope-id';
import {
  type DatasetCatalogue,
  parametersOf,
  resolveScope,
  type Scope,
  scopeOf,
  scopeParametersOf,
  type ScopeSubject,
} from '@rivulet/datasets';

/** A scope, and the versions of the source's tables at a moment at which it was this. */
export interface KnownScope {
  /** Equal for equal values by equal catalogues. */
  id: string;
  scope: Scope;
  subject: ScopeSubject;
  /** The catalogue whose scope query returned it. A request uses this one for everything that it does with the scope. */
  catalogue: DatasetCatalogue;
  versions: Versions;
  /** Keys of changes that moment shows and no version stands for. None unless given. */
  pending?: ReadonlySet<string>;
  /** The version of the tables that the scope query reads; undefined when they do not tell it. */
  stamp: string | undefined;
}

interface AskedScope {
  subject: ScopeSubject;
  catalogue: DatasetCatalogue;
}

/** Or what the scope query says instead: that there is no such device, that it is switched off … */
type ReadScope = KnownScope | RivuletError | undefined;

/** A scope in little memory. */
interface RememberedScope {
  id: string;
  /** What the scope query was asked for, beside the id in the registry. */
  macAddress: string;
  name: string | undefined;
  /** What it returned, in the order of its columns. */
  values: (string | null)[];
  catalogue: DatasetCatalogue;
  stamp: string;
}

/** Scopes that are remembered: those of 50,000 devices with a few parameters each. */
const SCOPES_MAX_BYTES = 32 * 1024 * 1024;

/** About what one takes, beside the values of its parameters. */
const SCOPE_BYTES = 400;
const PARAMETER_BYTES = 32;

/** How often a scope is read whose tables are truncated or rewritten meanwhile. */
const READ_ATTEMPTS = 3;

const STATEMENT_TIMEOUT_MS = 10_000;

/** Scopes that are read in one transaction, each by a statement. */
const SCOPES_AT_ONCE = 100;

const NONE_PENDING: ReadonlySet<string> = new Set();

/** Knows the scope of every device that has asked lately, for as long as the tables behind it do not change. */
@Injectable()
export class ScopeService {
  private readonly known = new LRUCache<string, RememberedScope>({
    maxSize: SCOPES_MAX_BYTES,
    sizeCalculation: sizeOf,
  });
  private readonly reading = new Batched((asked: AskedScope[]) => this.readAll(asked), {
    maxItems: SCOPES_AT_ONCE,
    isOfAll: isOfSource,
  });

  constructor(
    private readonly source: SourceDatabase,
    private readonly datasets: CurrentDatasets,
    private readonly changes: ChangeDetection,
    private readonly metrics: SourceMetrics,
  ) {}

  /**
   * The scope as it is now, at a moment that is not before the call; by the catalogue of now, unless another is given.
   *
   * @throws RivuletError SOURCE_UNAVAILABLE, and what resolveScope throws
   */
  async find(subject: ScopeSubject, catalogue = this.datasets.catalogue): Promise<KnownScope> {
    const versions = await this.source.ask(() => this.changes.versions());
    const stamp = this.stamp(subject, catalogue, versions);
    const known = this.recall(subject, catalogue, versions, stamp);
    this.metrics.scopeLookups.inc({ result: known === undefined ? 'read' : 'cached' });
    if (known !== undefined) return known;
    for (let attempt = 1; ; attempt++) {
      const read = await this.reading.run({ subject, catalogue });
      if (read instanceof RivuletError) throw read;
      if (read !== undefined) return read;
      if (attempt === READ_ATTEMPTS)
        throw new RivuletError(
          'SERVER_BUSY',
          `The tables behind the scope of ${subject.macAddress} are being rewritten.`,
        );
    }
  }

  /** From memory, if nothing behind it has changed between when it was read and these versions. */
  remembered(subject: ScopeSubject, versions: Versions): KnownScope | undefined {
    const { catalogue } = this.datasets;
    return this.recall(subject, catalogue, versions, this.stamp(subject, catalogue, versions));
  }

  private recall(
    subject: ScopeSubject,
    catalogue: DatasetCatalogue,
    versions: Versions,
    stamp: string | undefined,
  ): KnownScope | undefined {
    const known = this.known.get(keyOf(subject));
    if (known?.catalogue !== catalogue || known.stamp !== stamp) return undefined;
    if (known.macAddress !== subject.macAddress || known.name !== subject.name) return undefined;
    const scope = scopeOf(subject.macAddress, parametersOf(catalogue.scope, known.values));
    return scope && { id: known.id, scope, subject, catalogue, versions, stamp };
  }

  /**
   * The scope as of a later moment, or as it is now where that cannot be told of the moment: its versions are not known, or
   * it shows a change of the scope that no version stands for.
   */
  async asOf(known: KnownScope, later: Versions | undefined, pending = NONE_PENDING): Promise<KnownScope> {
    const { stamp, subject, catalogue } = known;
    const query = later && stamp && this.query(subject, catalogue);
    const isSame = query && isSettled(query, pending) && stamp === versionVectorOf(query, later);
    return isSame ? known : this.find(subject, catalogue);
  }

  /** Each undefined when it was not read at one moment, which is that of all of them. */
  private async readAll(asked: AskedScope[]): Promise<ReadScope[]> {
    // Before the reading begins: what changes meanwhile must not count as having been read.
    const queries = asked.map(({ subject, catalogue }) => this.query(subject, catalogue));
    return this.source.inTransaction(readSource(STATEMENT_TIMEOUT_MS), async (client) => {
      const { versions, pending } = await this.changes.versionsAt(client);
      const resolved: (Scope | RivuletError)[] = [];
      for (const { subject, catalogue } of asked) {
        resolved.push(await resolveScope(client, catalogue.scope, subject).catch(keepAnswer));
      }
      const isOne = await isConsistentRead(client);
      return resolved.map((scope, index) => {
        // Tables that look empty do not tell that there is no such device.
        if (!isOne && (!(scope instanceof RivuletError) || scope.code === 'DEVICE_UNKNOWN')) return undefined;
        if (scope instanceof RivuletError) return scope;
        const query = queries[index];
        const stamp = query && isSettled(query, pending) ? versionVectorOf(query, versions) : undefined;
        return { ...this.remember(asked[index]!, scope, versions, stamp), pending };
      });
    });
  }

  private remember(
    { subject, catalogue }: AskedScope,
    scope: Scope,
    versions: Versions,
    stamp: string | undefined,
  ): KnownScope {
    const id = scopeIdOf(scope, catalogue);
    // The registry has given it an id, with which it is asked for from now on.
    if (subject.deviceId !== undefined) this.known.delete(subject.macAddress);
    if (stamp === undefined) this.known.delete(keyOf(subject));
    else this.known.set(keyOf(subject), rememberedOf(subject, { id, scope, catalogue, stamp }));
    return { id, scope, subject, catalogue, versions, stamp };
  }

  private stamp(subject: ScopeSubject, catalogue: DatasetCatalogue, versions: Versions): string | undefined {
    const query = this.query(subject, catalogue);
    return query && versionVectorOf(query, versions);
  }

  /** Undefined when it is polled. */
  private query(subject: ScopeSubject, { scopeQueryId }: DatasetCatalogue): VersionedQuery | undefined {
    const watch = this.changes.watchOf(scopeQueryId);
    if (watch.polled !== undefined) return undefined;
    return { relations: versionKeysOf(watch, scopeParametersOf(subject)), definition: watch.definition };
  }
}

function isSettled({ relations }: VersionedQuery, pending: ReadonlySet<string>): boolean {
  return !relations.some((key) => pending.has(key));
}

function rememberedOf(
  { macAddress, name }: ScopeSubject,
  { id, scope, catalogue, stamp }: Pick<KnownScope, 'id' | 'scope' | 'catalogue'> & { stamp: string },
): RememberedScope {
  const values = [...scope.parameters.values()].map(({ value }) => value);
  return { id, macAddress, name, values, catalogue, stamp };
}

function sizeOf({ values, stamp }: RememberedScope): number {
  const bytes = values.map((value) => PARAMETER_BYTES + 2 * (value?.length ?? 0));
  return SCOPE_BYTES + stamp.length + bytes.reduce((sum, count) => sum + count, 0);
}

function keyOf({ macAddress, deviceId }: ScopeSubject): string {
  return deviceId ?? macAddress;
}

/** Returns an error that is the scope query's answer for the device. @throws any other error: the transaction is over with it */
function keepAnswer(error: unknown): RivuletError {
  if (error instanceof RivuletError && error.cause === undefined) return error;
  throw error;
}

/** Also of a lock: whoever asks for a scope waits for it. */
function isOfSource(error: unknown): boolean {
  if (error instanceof RivuletError)
    return error.code === 'SOURCE_UNAVAILABLE' || error.code === 'SERVER_BUSY';
  return !isPostgresError(error) || isInterruption(error);
}
