import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';

/** The key that signs operators' access tokens: made at the first start, the same for every replica of central. */
export class TokenSecret {
  private constructor(readonly bytes: Uint8Array) {}

  static async loadOrCreate(database: DataSource): Promise<TokenSecret> {
    await database.query('INSERT INTO rivulet.user_token_keys (secret) VALUES ($1) ON CONFLICT DO NOTHING', [
      randomBytes(32),
    ]);
    const [row] = await database.query<{ secret: Buffer }[]>('SELECT secret FROM rivulet.user_token_keys');
    return new TokenSecret(new Uint8Array(row!.secret));
  }
}
