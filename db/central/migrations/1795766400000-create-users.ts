import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People who steer central, and how they show who they are. No secret is kept but as a hash. */
export class CreateUsers1795766400000 implements MigrationInterface {
  name = 'CreateUsers1795766400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.users (
        user_id              text PRIMARY KEY CHECK (length(user_id) = 26),
        username             text NOT NULL,
        email                text,
        role                 text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        -- argon2id, in PHC format.
        password_hash        text NOT NULL,
        must_change_password boolean NOT NULL DEFAULT false,
        is_disabled          boolean NOT NULL DEFAULT false,
        created_at           timestamptz NOT NULL DEFAULT now(),
        changed_at           timestamptz NOT NULL DEFAULT now(),
        password_changed_at  timestamptz NOT NULL DEFAULT now(),
        last_login_at        timestamptz
      );
      CREATE UNIQUE INDEX users_by_username ON rivulet.users (lower(username));
      CREATE UNIQUE INDEX users_by_email ON rivulet.users (lower(email));

      CREATE TABLE rivulet.user_sessions (
        session_id   text PRIMARY KEY CHECK (length(session_id) = 26),
        user_id      text NOT NULL REFERENCES rivulet.users ON DELETE CASCADE,
        address      text NOT NULL,
        user_agent   text,
        created_at   timestamptz NOT NULL DEFAULT now(),
        refreshed_at timestamptz NOT NULL DEFAULT now(),
        -- However often it is refreshed.
        expires_at   timestamptz NOT NULL,
        ended_at     timestamptz,
        end_reason   text CHECK (end_reason IN ('logout', 'ended', 'reused', 'password'))
      );
      CREATE INDEX ON rivulet.user_sessions (user_id, created_at);

      CREATE TABLE rivulet.refresh_tokens (
        -- SHA-256.
        token_digest bytea PRIMARY KEY,
        session_id   text NOT NULL REFERENCES rivulet.user_sessions ON DELETE CASCADE,
        issued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at   timestamptz NOT NULL,
        used_at      timestamptz
      );
      CREATE INDEX ON rivulet.refresh_tokens (session_id, issued_at);

      CREATE TABLE rivulet.api_keys (
        key_id       text PRIMARY KEY CHECK (length(key_id) = 26),
        user_id      text NOT NULL REFERENCES rivulet.users ON DELETE CASCADE,
        name         text NOT NULL,
        role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        -- SHA-256: the key has 256 random bits.
        key_digest   bytea NOT NULL UNIQUE,
        created_at   timestamptz NOT NULL DEFAULT now(),
        expires_at   timestamptz NOT NULL,
        last_used_at timestamptz,
        revoked_at   timestamptz
      );
      CREATE INDEX ON rivulet.api_keys (user_id);

      -- What signs access tokens.
      CREATE TABLE rivulet.user_token_keys (
        is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
        secret  bytea NOT NULL CHECK (length(secret) = 32)
      );

      -- Guesses of passwords in a window of time: by account and address, by address, by account from unknown addresses.
      CREATE TABLE rivulet.login_attempts (
        scope      text NOT NULL CHECK (scope IN ('pair', 'address', 'account')),
        key_digest bytea NOT NULL,
        attempts   integer NOT NULL,
        started_at timestamptz NOT NULL,
        PRIMARY KEY (scope, key_digest)
      );
      CREATE INDEX ON rivulet.login_attempts (started_at);

      -- Where somebody has logged in before.
      CREATE TABLE rivulet.user_addresses (
        user_id       text NOT NULL REFERENCES rivulet.users ON DELETE CASCADE,
        address       text NOT NULL,
        last_login_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, address)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE rivulet.user_addresses, rivulet.login_attempts, rivulet.user_token_keys, rivulet.api_keys,
        rivulet.refresh_tokens, rivulet.user_sessions, rivulet.users
    `);
  }
}
