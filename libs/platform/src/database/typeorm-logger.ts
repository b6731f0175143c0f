import { Logger } from '@nestjs/common';
import type { Logger as TypeOrmLogger } from 'typeorm';

const MAX_QUERY_CHARACTERS = 500;

/**
 * TypeORM's words in our log. A failed query is thrown as well, and whoever catches it decides how bad it is, so here
 * it is a debug line. Parameters are never logged: they are other people's data.
 */
export class TypeOrmLog implements TypeOrmLogger {
  private readonly logger = new Logger('TypeORM');

  logQuery(): void {
    // Not even at trace: the statement log of PostgreSQL is the place for that.
  }

  logQueryError(error: string | Error, query: string): void {
    this.logger.debug(`Query failed: ${error instanceof Error ? error.message : error}: ${shortened(query)}`);
  }

  logQuerySlow(ms: number, query: string): void {
    this.logger.warn(`Query took ${ms} ms: ${shortened(query)}`);
  }

  logSchemaBuild(message: string): void {
    this.logger.debug(message);
  }

  logMigration(message: string): void {
    this.logger.debug(message);
  }

  log(level: 'log' | 'info' | 'warn', message: unknown): void {
    if (level === 'warn') this.logger.warn(String(message));
    else this.logger.debug(String(message));
  }
}

function shortened(query: string): string {
  const line = query.replace(/\s+/g, ' ').trim();
  return line.length > MAX_QUERY_CHARACTERS ? `${line.slice(0, MAX_QUERY_CHARACTERS)}…` : line;
}
