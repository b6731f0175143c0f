import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { Client } from 'pg';
import { ulid } from 'ulid';
import { Failure } from '../failure';
import { stateDirectory } from '../project-paths';

const TIMEOUT_MS = 10_000;
/** It lives as long as the databases beside it. */
const operatorFile = join(stateDirectory, 'operator.json');
const SPARE_USERNAME = 'npm-start';

/** An admin of the local system. */
export interface LocalOperator {
  username: string;
  password: string;
  /** Nobody was told of it before. */
  isNew: boolean;
}

/** The one of earlier starts, or a new one, which central makes when it has no user. */
export function chooseOperator(): LocalOperator {
  const username = process.env['CENTRAL_ADMIN_USERNAME'] ?? 'admin';
  const password = process.env['CENTRAL_ADMIN_PASSWORD'];
  if (password !== undefined && password !== '') return { username, password, isNew: false };
  return readOperator() ?? { username, password: randomBytes(18).toString('base64url'), isNew: true };
}

/**
 * The operator, once central lets it in. Where central has other users, one for this tool is put into its database.
 *
 * @throws Failure
 */
export async function settleOperator(
  central: { url: string; databaseUrl?: string | undefined },
  operator: LocalOperator,
): Promise<LocalOperator> {
  const settled = (await isLetIn(central.url, operator)) ? operator : await addSpare(central.databaseUrl);
  const { username, password } = settled;
  writeFileSync(operatorFile, JSON.stringify({ username, password }), { mode: 0o600 });
  return settled;
}

export function basicOf({ username, password }: Pick<LocalOperator, 'username' | 'password'>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function readOperator(): LocalOperator | undefined {
  try {
    const { username, password } = JSON.parse(readFileSync(operatorFile, 'utf8')) as LocalOperator;
    return { username, password, isNew: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function isLetIn(centralUrl: string, operator: LocalOperator): Promise<boolean> {
  const response = await fetch(`${centralUrl}/api/devices?limit=1`, {
    headers: { authorization: basicOf(operator) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok || response.status === 401) return response.ok;
  const { detail } = (await response.json()) as { detail?: string };
  throw new Failure(`central does not let its operator in: ${detail ?? response.status}`);
}

async function addSpare(databaseUrl: string | undefined): Promise<LocalOperator> {
  if (databaseUrl === undefined)
    throw new Failure('central has other operators; set CENTRAL_ADMIN_PASSWORD.');
  const password = randomBytes(18).toString('base64url');
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    await client.query(
      `INSERT INTO rivulet.users (user_id, username, role, password_hash) VALUES ($1, $2, 'admin', $3)
       ON CONFLICT (lower(username)) DO UPDATE SET role = 'admin', password_hash = excluded.password_hash,
         must_change_password = false, is_disabled = false, changed_at = now()`,
      [ulid(), SPARE_USERNAME, await hash(password)],
    );
  } finally {
    await client.end();
  }
  return { username: SPARE_USERNAME, password, isNew: true };
}
