import { RivuletError } from '@rivulet/errors';
import type { RealtimeEnv } from '../realtime.env';

type Limits = Pick<RealtimeEnv, 'maxConnections' | 'maxPerAddress' | 'maxPerUser'>;

/** How many connections there are: to this process, from one address, of one user. */
export class ConnectionCounts {
  private total = 0;
  private readonly addresses = new Map<string, number>();
  private readonly users = new Map<string, number>();

  constructor(private readonly limits: Limits) {}

  get connections(): number {
    return this.total;
  }

  get userCount(): number {
    return this.users.size;
  }

  /**
   * @returns what gives the place back
   * @throws RivuletError REALTIME_LIMIT_EXCEEDED
   */
  takeAddress(address: string): () => void {
    const { maxConnections, maxPerAddress } = this.limits;
    if (this.total >= maxConnections) throw tooMany(`This process has ${maxConnections} connections.`);
    if ((this.addresses.get(address) ?? 0) >= maxPerAddress)
      throw tooMany(`Your address has ${maxPerAddress} connections.`);
    this.total++;
    add(this.addresses, address, 1);
    return () => {
      this.total--;
      add(this.addresses, address, -1);
    };
  }

  /**
   * @returns what gives the place back
   * @throws RivuletError REALTIME_LIMIT_EXCEEDED
   */
  takeUser(userId: string): () => void {
    const { maxPerUser } = this.limits;
    if ((this.users.get(userId) ?? 0) >= maxPerUser) throw tooMany(`You have ${maxPerUser} connections.`);
    add(this.users, userId, 1);
    return () => add(this.users, userId, -1);
  }
}

function add(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function tooMany(message: string): RivuletError {
  return new RivuletError('REALTIME_LIMIT_EXCEEDED', message, { retryAfterSeconds: 10 });
}
