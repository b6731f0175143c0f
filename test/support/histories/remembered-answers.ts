import type { CentralServices } from '../../../apps/central/test/central-services';
import { bindDatasets, type BoundDataset } from '../../../apps/central/src/snapshots/bound-dataset';
import { isConsistentRead } from '../../../apps/central/src/source/consistent-read';
import { versionKeysOf } from '../../../apps/central/src/source/change-detection/version-keys';
import { versionVectorOf } from '../../../apps/central/src/source/change-detection/version-vector';
import type { Versions } from '../../../apps/central/src/source/change-detection/change-log/versions';
import type { KnownScope } from '../../../apps/central/src/source/scope/scope.service';
import { resolveScope, type DatasetCatalogue } from '@rivulet/datasets';
import { inTransaction, readSource, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { bindQuery } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import type { NarrowingFault } from './narrowing-faults';

/** By the name of a dataset, its rows in one text. */
export type Answer = Record<string, string>;

const ATTEMPTS = 20;

/**
 * Answers as central gives them, of the same scopes, keys and versions, but out of memory: nothing is cut, stored or
 * signed. Shared by all centrals, as the cache of snapshots is.
 */
export class RememberedAnswers {
  private readonly known = new Map<string, string>();
  /** Answers that were given without reading anything. */
  unread = 0;

  constructor(
    private readonly source: Pool,
    private readonly fault: NarrowingFault | undefined,
    /** Between asking for versions and reading, where a change can slip in. */
    private readonly interrupt: () => Promise<void>,
  ) {}

  /** The answer of a central for a device, of a moment that is not before the call. */
  async of(central: CentralServices, macAddress: string): Promise<Answer> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const scope = await central.scopes.find({ macAddress });
      const bound = this.bind(central, scope);
      const versions = await central.changes.versions();
      const found = this.lookUp(bound, versions);
      if (found !== undefined) this.unread += 1;
      if (found === undefined) await this.interrupt();
      const set =
        found === undefined
          ? await this.read(central, bound)
          : { texts: found, versions, pending: undefined };
      if (set === undefined) continue;
      const later = await central.scopes.asOf(
        scope,
        set.versions,
        this.fault?.ignoresPendingScope === true ? undefined : set.pending,
      );
      if (later.id === scope.id) {
        return Object.fromEntries(
          bound.map(({ dataset }, index) => [dataset.schema.name, set.texts[index]!]),
        );
      }
    }
    throw new Error('The tables are being written all the time.');
  }

  private bind({ changes }: CentralServices, { scope, catalogue }: KnownScope): BoundDataset[] {
    const { fault } = this;
    const parameters = fault?.parameters?.(scope.parameters) ?? scope.parameters;
    return bindDatasets(catalogue, scope.parameters, changes, 'here').map((bound) => {
      const keys = versionKeysOf(changes.watchOf(bound.dataset.queryId), parameters);
      return bound.polled
        ? bound
        : { ...bound, source: bound.source, relations: fault?.keys?.(keys) ?? keys };
    });
  }

  private keyOf(bound: BoundDataset, versions: Versions): string | undefined {
    const vector = bound.polled ? undefined : versionVectorOf(bound, versions);
    return vector && `${bound.cacheKey} ${vector}`;
  }

  /** Undefined when any must be read. */
  private lookUp(bound: BoundDataset[], versions: Versions): string[] | undefined {
    const texts = bound.map((dataset) => this.known.get(this.keyOf(dataset, versions) ?? ''));
    return texts.includes(undefined) ? undefined : (texts as string[]);
  }

  private async read(
    { changes }: CentralServices,
    bound: BoundDataset[],
  ): Promise<{ texts: string[]; versions: Versions; pending: ReadonlySet<string> } | undefined> {
    return inReading(this.source, async (client) => {
      const { versions, pending } = await changes.versionsAt(client);
      const isPending = bound.some(({ relations }) => relations.some((key) => pending.has(key)));
      if (isPending && this.fault?.ignoresPending !== true) return undefined;
      const keys = bound.map((dataset) => this.keyOf(dataset, versions));
      const texts = keys.map((key) => this.known.get(key ?? ''));
      const stale = bound.filter((_, index) => texts[index] === undefined);
      const read = await textsOf(
        client,
        stale.map(({ source }) => source.boundQuery),
      );
      if (!(await isConsistentRead(client))) return undefined;
      for (const [index, key] of keys.entries()) {
        texts[index] ??= read.shift()!;
        if (key !== undefined) this.known.set(key, texts[index]);
      }
      return { texts: texts as string[], versions, pending };
    });
  }
}

/** What the source itself answers now, with nothing remembered. */
export async function trueAnswer(
  source: Pool,
  { scope, datasets }: DatasetCatalogue,
  macAddress: string,
): Promise<Answer> {
  return inReading(source, async (client) => {
    const { parameters } = await resolveScope(client, scope, { macAddress });
    const queries = datasets.map(({ definition }) => bindQuery(definition.query.template, parameters));
    const texts = await textsOf(client, queries);
    return Object.fromEntries(datasets.map(({ schema }, index) => [schema.name, texts[index]!]));
  });
}

async function inReading<T>(source: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(source, (client) =>
    inTransaction(client, readSource(10_000), async () => {
      await useCanonicalSettings(client);
      return work(client);
    }),
  );
}

/** The only row of each query. */
async function textsOf(client: ClientBase, queries: string[]): Promise<string[]> {
  const list = queries.map((query, index) => `(SELECT q${index}::text FROM (\n${query}\n) AS q${index})`);
  const { rows } = await client.query<string[]>({
    text: `SELECT ${list.join(', ')}`,
    rowMode: 'array',
  });
  return rows[0]!;
}
