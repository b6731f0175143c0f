import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { RivuletError } from '@rivulet/errors';

export interface SecretSources {
  /** Names of variables that may be read. */
  variables: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
  /** Undefined: no file may be read. */
  directory: string | undefined;
}

export interface ResolvedDocument {
  data: unknown;
  /** JSON Pointers of what was put in. */
  secretPaths: string[];
}

const REFERENCE = /^\$\{(env|file):([^{}]{1,255})\}$/;
const FILE_MAX_BYTES = 64 * 1024;
/** A worker takes less than twice as much; and a long list of references must not become all the memory of the edge. */
const ALL_MAX_BYTES = 512 * 1024;

/**
 * Puts the values of this device in place of references. Nothing else of its environment can be had: a configuration
 * comes from elsewhere, and what it says is sent to the workers.
 *
 * @throws RivuletError CONFIGURATION_SECRET_MISSING
 */
export async function resolveSecrets(data: unknown, sources: SecretSources): Promise<ResolvedDocument> {
  const secretPaths: string[] = [];
  const known = new Map<string, string>();
  let bytes = 0;
  const read = async (kind: string, name: string): Promise<string> => {
    const text = kind === 'env' ? readVariable(name, sources) : await readSecretFile(name, sources);
    known.set(`${kind}:${name}`, text);
    return text;
  };
  const resolve = async (value: unknown, path: string): Promise<unknown> => {
    if (typeof value === 'string') {
      const [, kind, name] = REFERENCE.exec(value) ?? [];
      if (kind === undefined || name === undefined) return value;
      secretPaths.push(path);
      const text = known.get(`${kind}:${name}`) ?? (await read(kind, name));
      bytes += text.length;
      if (bytes > ALL_MAX_BYTES) throw missing(`all secrets together have more than ${ALL_MAX_BYTES} bytes`);
      return text;
    }
    if (typeof value !== 'object' || value === null) return value;
    const fields: [string, unknown][] = [];
    for (const [name, item] of Object.entries(value))
      fields.push([name, await resolve(item, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)]);
    return Array.isArray(value) ? fields.map(([, item]) => item) : Object.fromEntries(fields);
  };
  return { data: await resolve(data, ''), secretPaths };
}

function readVariable(name: string, { variables, environment }: SecretSources): string {
  const value = variables.includes(name) ? environment[name] : undefined;
  if (value !== undefined) return value;
  throw missing(
    variables.includes(name)
      ? `the variable ${name} is not set`
      : `EDGE_CONFIGURATION_SECRETS does not name ${name}`,
  );
}

async function readSecretFile(name: string, { directory }: SecretSources): Promise<string> {
  if (directory === undefined) throw missing('EDGE_CONFIGURATION_SECRETS_DIRECTORY is not set');
  try {
    // Also by way of a link nothing outside the directory is read.
    const root = await realpath(directory);
    const path = await realpath(join(root, name));
    if (!path.startsWith(`${root}${sep}`)) throw missing(`${name} is not in the directory of secrets`);
    const { size, isFile } = await sizeOf(path);
    if (!isFile) throw missing(`${name} is no file`);
    if (size > FILE_MAX_BYTES) throw missing(`${name} has more than ${FILE_MAX_BYTES} bytes`);
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof RivuletError) throw error;
    throw missing(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** Before it is read: a device or a pipe would have no end. */
async function sizeOf(path: string): Promise<{ size: number; isFile: boolean }> {
  const found = await stat(path);
  return { size: found.size, isFile: found.isFile() };
}

function missing(reason: string): RivuletError {
  return new RivuletError(
    'CONFIGURATION_SECRET_MISSING',
    `The configuration refers to a secret, but ${reason}.`,
  );
}
