import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

/** Central's own tables, by SQL. */
@Injectable()
export class DeviceTables {
  constructor(private readonly database: DataSource) {}

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return rowsOf<T>(await this.database.query(text, values));
  }

  async transaction<T>(work: (transaction: TableTransaction) => Promise<T>): Promise<T> {
    return this.database.transaction((manager) => work(new TableTransaction(manager)));
  }
}

export class TableTransaction {
  constructor(private readonly manager: EntityManager) {}

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return rowsOf<T>(await this.manager.query(text, values));
  }
}

/** For UPDATE and DELETE TypeORM returns the number of rows beside them. */
function rowsOf<T>(result: unknown): T[] {
  const [first] = result as unknown[];
  return (Array.isArray(first) ? first : result) as T[];
}
