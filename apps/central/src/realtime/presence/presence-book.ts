/** Users of one topic that are kept. Those beyond are not told of. */
export const MAX_USERS_OF_TOPIC = 1_000;

export interface PresentUser {
  userId: string;
  connections: number;
  /** Milliseconds since 1970, by the clock of the process to which the user connected first. */
  sinceMs: number;
}

/** A user's connections to one process. */
export interface PresenceEntry {
  topic: string;
  userId: string;
  connections: number;
  sinceMs: number;
}

type Change = 'join' | 'leave' | undefined;

/** Who has subscribed to which topic, by the process (source) to which they are connected. */
export class PresenceBook {
  private readonly topics = new Map<
    string,
    Map<string, Map<string, { connections: number; sinceMs: number }>>
  >();

  /** Users, counted for each topic. */
  get size(): number {
    return [...this.topics.values()].reduce((sum, { size }) => sum + size, 0);
  }

  connectionsOf(source: string, topic: string, userId: string): number {
    return this.topics.get(topic)?.get(userId)?.get(source)?.connections ?? 0;
  }

  isPresent(topic: string, userId: string): boolean {
    return this.topics.get(topic)?.has(userId) === true;
  }

  /** @returns whether the user has come to the topic, or has left it, on all processes together */
  set(source: string, { topic, userId, connections, sinceMs }: PresenceEntry): Change {
    const users =
      this.topics.get(topic) ?? new Map<string, Map<string, { connections: number; sinceMs: number }>>();
    const sources = users.get(userId);
    if (connections === 0) {
      if (sources?.delete(source) !== true || sources.size > 0) return undefined;
      users.delete(userId);
      if (users.size === 0) this.topics.delete(topic);
      return 'leave';
    }
    if (sources !== undefined) {
      sources.set(source, { connections, sinceMs: sources.get(source)?.sinceMs ?? sinceMs });
      return undefined;
    }
    if (users.size >= MAX_USERS_OF_TOPIC) return undefined;
    users.set(userId, new Map([[source, { connections, sinceMs }]]));
    this.topics.set(topic, users);
    return 'join';
  }

  of(source: string): PresenceEntry[] {
    const entries: PresenceEntry[] = [];
    for (const [topic, users] of this.topics)
      for (const [userId, sources] of users) {
        const known = sources.get(source);
        if (known !== undefined) entries.push({ topic, userId, ...known });
      }
    return entries;
  }

  entryOf(source: string, topic: string, userId: string): PresenceEntry {
    const known = this.topics.get(topic)?.get(userId)?.get(source) ?? { connections: 0, sinceMs: 0 };
    return { topic, userId, ...known };
  }

  /** Those who have been there longest first. */
  usersOf(topic: string): PresentUser[] {
    const users = [...(this.topics.get(topic) ?? [])].map(([userId, sources]) => {
      const all = [...sources.values()];
      return {
        userId,
        connections: all.reduce((sum, { connections }) => sum + connections, 0),
        sinceMs: Math.min(...all.map(({ sinceMs }) => sinceMs)),
      };
    });
    return users.toSorted((a, b) => a.sinceMs - b.sinceMs || (a.userId < b.userId ? -1 : 1));
  }
}
