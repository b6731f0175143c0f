import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

const current = new AsyncLocalStorage<TableTransaction>();

/** The app's own tables, by SQL. Whatever is asked within a transaction belongs to it, whoever asks. */
@Injectable()
export class OwnTables {
  constructor(private readonly database: DataSource) {}

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    const transaction = openTransaction();
    if (transaction !== undefined) return transaction.rows<T>(text, values);
    return rowsOf<T>(await this.database.query(text, values));
  }

  /** Whether what is asked now belongs to a transaction. */
  get isInTransaction(): boolean {
    return openTransaction() !== undefined;
  }

  /** One that is asked for within another is a part of it. */
  async transaction<T>(work: (transaction: TableTransaction) => Promise<T>): Promise<T> {
    const outer = openTransaction();
    if (outer !== undefined) return work(outer);
    const [result, ended] = await this.database.transaction(async (manager) => {
      const transaction = new TableTransaction(manager);
      try {
        return [await current.run(transaction, () => work(transaction)), transaction] as const;
      } finally {
        transaction.isOpen = false;
      }
    });
    for (const act of ended.onCommit) act();
    return result;
  }

  /** Runs it when the transaction around has been committed; at once where there is none. */
  afterCommit(act: () => void): void {
    const transaction = openTransaction();
    if (transaction === undefined) act();
    else transaction.onCommit.push(act);
  }
}

export class TableTransaction {
  /** Work begun within it and not awaited must not use its connection later. */
  isOpen = true;
  readonly onCommit: (() => void)[] = [];

  constructor(readonly manager: EntityManager) {}

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return rowsOf<T>(await this.manager.query(text, values));
  }
}

function openTransaction(): TableTransaction | undefined {
  const transaction = current.getStore();
  return transaction?.isOpen === true ? transaction : undefined;
}

/** For UPDATE and DELETE TypeORM returns the number of rows beside them. */
function rowsOf<T>(result: unknown): T[] {
  const [first] = result as unknown[];
  return (Array.isArray(first) ? first : result) as T[];
}
