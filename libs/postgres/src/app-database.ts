import { RivuletError } from '@rivulet/errors';

export interface AppDatabaseOptions {
  /** The configured database, if any. */
  url: string | undefined;
  /** The variable that configures it, for messages. */
  urlVariable: string;
  /** Name of the embedded server's folder and database. */
  name: string;
  /** The preferred port of the embedded server. */
  port: number;
  /** Loads @rivulet/embedded-postgres, which a production image does not carry. */
  loadEmbedded: () => Promise<EmbeddedPostgres>;
}

/** The part of @rivulet/embedded-postgres that is used here. */
export interface EmbeddedPostgres {
  startEmbeddedServer(options: {
    directory: string;
    port: number;
    databases: string[];
  }): Promise<{ url(database: string): string; stop(): Promise<void> }>;
}

export interface AppDatabase {
  url: string;
  isEmbedded: boolean;
  /** Stops the embedded server; does nothing for a configured database. */
  stop(): Promise<void>;
}

/**
 * The configured database or, outside production, an embedded server that runs as long as this process and keeps its
 * data under .rivulet in the working directory.
 *
 * @throws RivuletError ENVIRONMENT_INVALID without a database in production, or where none is embedded ·
 *   DATABASE_UNAVAILABLE
 */
export async function resolveAppDatabase(options: AppDatabaseOptions): Promise<AppDatabase> {
  const { url, urlVariable, name, port, loadEmbedded } = options;
  if (url !== undefined) return { url, isEmbedded: false, stop: () => Promise.resolve() };
  if (process.env['NODE_ENV'] === 'production') {
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `${urlVariable} is not set, and production needs a database.`,
      { nextStep: `Set ${urlVariable} to a PostgreSQL URL.` },
    );
  }
  const embedded = await loadOrExplain(loadEmbedded, urlVariable);
  const server = await embedded.startEmbeddedServer({
    directory: `.rivulet/${name}-postgres`,
    port,
    databases: [name],
  });
  return { url: server.url(name), isEmbedded: true, stop: () => server.stop() };
}

async function loadOrExplain(
  load: AppDatabaseOptions['loadEmbedded'],
  urlVariable: string,
): Promise<EmbeddedPostgres> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `${urlVariable} is not set, and this installation has no embedded PostgreSQL.`,
      { nextStep: `Set ${urlVariable} to a PostgreSQL URL.`, cause: error },
    );
  }
}
