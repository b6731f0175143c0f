import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';
import { monotonicFactory } from 'ulid';
import { PasswordHash } from '../passwords/password-hash';
import { UsersEnv } from '../users.env';
import { randomPassword } from './user-accounts';

/** Makes an admin when there is no user. */
@Injectable()
export class FirstAdmin implements OnModuleInit {
  private readonly logger = new Logger('Users');

  constructor(
    private readonly tables: OwnTables,
    private readonly hashes: PasswordHash,
    private readonly env: UsersEnv,
  ) {}

  async onModuleInit(): Promise<void> {
    const [known] = await this.tables.rows<{ isUnchanged: boolean }>(
      `SELECT bool_or(must_change_password AND username = $1) AS "isUnchanged" FROM rivulet.users HAVING count(*) > 0`,
      [this.env.adminUsername],
    );
    if (known === undefined) await this.create();
    else if (known.isUnchanged)
      this.logger.warn(`The password of ${this.env.adminUsername} was not changed yet.`);
  }

  /** When several centrals start at once, the lock lets one create the admin and show its password. */
  private async create(): Promise<void> {
    const { adminUsername, adminPassword } = this.env;
    const password = adminPassword ?? randomPassword();
    const passwordHash = await this.hashes.make(password);
    const isCreated = await this.tables.transaction(async (transaction) => {
      await transaction.rows('LOCK TABLE rivulet.users IN SHARE ROW EXCLUSIVE MODE');
      const created = await transaction.rows(
        `INSERT INTO rivulet.users (user_id, username, role, password_hash, must_change_password)
         SELECT $1, $2, 'admin', $3, $4 WHERE NOT EXISTS (SELECT FROM rivulet.users) RETURNING user_id`,
        [monotonicFactory()(), adminUsername, passwordHash, adminPassword === undefined],
      );
      return created.length > 0;
    });
    if (!isCreated) return;
    if (adminPassword === undefined) {
      // The one secret that is logged on purpose: there is no other way to the first login. It opens nothing but its change.
      this.logger.warn(
        `First login: user name ${adminUsername}, password ${password} – shown this once; change it with POST /api/me/password.`,
      );
    } else {
      this.logger.log(
        `First login: user name ${adminUsername}, with the password of CENTRAL_ADMIN_PASSWORD.`,
      );
    }
  }
}
