import { Logger } from '@nestjs/common';
import { connectionEvents, type ConnectionEvent } from '@rivulet/postgres';

/** Writes what happens to the connections of this process into its log, once however often it is called. */
export function logConnectionEvents(): void {
  connectionEvents.subscribe(write);
}

const logger = new Logger('Connections');

function write(event: ConnectionEvent): void {
  switch (event.kind) {
    case 'lost': {
      const doing = event.doing === undefined ? 'It was idle' : `It was at: ${event.doing}`;
      logger.warn(`A connection of "${event.pool}" was lost: ${event.reason}. ${doing}. Connecting again.`);
      return;
    }
    case 'recovered':
      logger.log(`"${event.pool}" is connected again; connections lost: ${event.lost}`);
      return;
    case 'disk-full':
      logger.error(`The database of "${event.pool}" has no room: ${event.reason}. Free space on its disk.`);
  }
}
