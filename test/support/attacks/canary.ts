import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';

/** Shorter pieces occur by chance. */
const PIECE = 14;

/** A secret of a test, in every form in which somebody could write it down. */
export class Canary {
  private readonly needles: string[];

  /** @param secret - of which the beginning may be a public prefix, and what follows a dot a public name */
  constructor(
    readonly name: string,
    readonly secret: string,
  ) {
    const core = secret.replace(/^rv[a-z]_/, '').replace(/\.[\w-]{43}$/, '');
    // Of a JWS only the signature is secret: the rest without it is of no use.
    const [, , signature] = secret.split('.');
    const kept = signature ?? core;
    const pieces = [kept.slice(0, PIECE), kept.slice(-PIECE), kept.slice(4, 4 + PIECE)];
    this.needles = pieces.flatMap((piece) => [
      piece,
      encodeURIComponent(piece),
      // At the three places that a text can have in base64, without the letters that depend on what is around.
      ...[0, 1, 2].map((shift) =>
        Buffer.from('\0'.repeat(shift) + piece)
          .toString('base64')
          .slice(4, -4),
      ),
      Buffer.from(piece).toString('hex'),
    ]);
  }

  isIn(text: string): boolean {
    return this.needles.some((needle) => text.includes(needle));
  }
}

/** @returns which secrets are in which of these texts, with what is around */
export function findCanaries(canaries: Canary[], texts: Iterable<[where: string, text: string]>): string[] {
  const found: string[] = [];
  for (const [where, text] of texts) {
    for (const canary of canaries)
      if (canary.isIn(text)) found.push(`${canary.name} in ${where}: ${text.slice(0, 400)}`);
  }
  return found;
}

/** The secrets of a test. */
export class Canaries {
  readonly all: Canary[] = [];

  make(name: string): Canary {
    const made = new Canary(name, `canary-${randomBytes(18).toString('hex')}`);
    this.all.push(made);
    return made;
  }

  /** Adds a secret that somebody else has made. */
  keep(name: string, secret: string | undefined): string {
    if (secret === undefined) throw new Error(`There is no ${name}.`);
    this.all.push(new Canary(name, secret));
    return secret;
  }
}

/** To the own database of an app. */
export function poolOf(app: NestFastifyApplication): Pool {
  return (app.get(DataSource).driver as unknown as { master: Pool }).master;
}

/** Every row of every table of Rivulet's own schemas, one text a table. */
export async function ownRows(pool: Pool): Promise<[string, string][]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname LIKE 'rivulet%' ORDER BY 1`,
  );
  const texts: [string, string][] = [];
  for (const { name } of rows) {
    const { rows: content } = await pool.query<{ text: string | null }>(
      `SELECT string_agg(t::text, E'\\n') AS text FROM ${name} t`,
    );
    texts.push([name, content[0]!.text ?? '']);
  }
  return texts;
}
