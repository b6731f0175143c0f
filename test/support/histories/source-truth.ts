import { DatasetCatalogue, resolveScope } from '@rivulet/datasets';
import { inTransaction, readSource, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { TableHasher } from '@rivulet/protocol';
import { bindQuery, readChunks } from '@rivulet/snapshot';
import type { Pool } from 'pg';

/** What the source itself answers: the queries are run each time, and nothing of their results is remembered. */
export class SourceTruth {
  private catalogue: DatasetCatalogue | undefined;

  constructor(
    private readonly path: string,
    private readonly source: Pool,
    private readonly macAddress: string,
  ) {}

  /** To be called when definitions may have changed. */
  async describe(): Promise<void> {
    this.catalogue = await DatasetCatalogue.load(this.path, this.source).catch(() => undefined);
  }

  /** The checksum of each dataset of the device now. Undefined when PostgreSQL refuses any query. */
  async checksums(): Promise<Record<string, string> | undefined> {
    const { catalogue } = this;
    return catalogue && this.read(catalogue).catch(() => undefined);
  }

  private async read({ scope, datasets }: DatasetCatalogue): Promise<Record<string, string>> {
    return withClient(this.source, (client) =>
      inTransaction(client, readSource(10_000), async () => {
        await useCanonicalSettings(client);
        const { parameters } = await resolveScope(client, scope, { macAddress: this.macAddress });
        const checksums: Record<string, string> = {};
        for (const { schema, fingerprint, columns, definition } of datasets) {
          const hasher = new TableHasher(fingerprint);
          const boundQuery = bindQuery(definition.query.template, parameters);
          const rows = { boundQuery, columns, keyColumns: definition.key.length };
          for await (const chunk of readChunks(client, rows)) hasher.add(chunk);
          checksums[schema.name] = hasher.finish().checksum;
        }
        return checksums;
      }),
    );
  }
}
